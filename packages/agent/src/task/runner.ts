import { backoffMs, jitter } from '@gantry/kit/backoff';
import type { Clock } from '@gantry/kit/clock';
import { asGantryError, type GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import type { TaskAssignment } from '@gantry/model/assignment';
import { liveLimits, withLiveLimits } from '@gantry/model/limits';
import { same } from '@gantry/model/same';
import { isTerminal, type TaskStatus } from '@gantry/model/task';
import type { Images, UserLookup } from '../images/images.ts';
import type { Network } from '../network/network.ts';
import type { ContainerExit, ContainerState, Runtime } from '../runtime/runtime.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { ContainerFiles } from './container-files.ts';
import { planLimits } from './container-plan.ts';
import { endOf } from './end-reason.ts';
import { checkPolicy, makePlan, prepare, takeDown, type Prepared } from './host-parts.ts';
import { nextStep, type Situation, type Step } from './next-step.ts';
import type { HostPolicy } from './policy.ts';

export interface RunnerDeps {
  readonly runtime: Runtime;
  readonly images: Images;
  readonly network: Network;
  readonly volumes: Volumes;
  /** What this host lets containers have of it. */
  readonly policy: HostPolicy;
  readonly lookUpUser: UserLookup;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly files: ContainerFiles;
  /** Starts that run at once. */
  readonly slot: <T>(work: () => Promise<T>) => Promise<T>;
  /** Keeps what the runner knows; resolves once it is on disk. */
  readonly save: (record: TaskRecord) => Promise<void>;
  /** Tells the controller, now or later. */
  readonly report: (taskId: string, status: TaskStatus) => void;
}

/** What is kept on disk of one task. */
export interface TaskRecord {
  readonly assignment: TaskAssignment;
  readonly status: TaskStatus;
  /** The container's files, mounts and network are gone. */
  readonly cleaned: boolean;
}

/** A pull or mount that fails is tried again for this long before the task is rejected, ms. */
const prepareDeadlineMs = 120_000;

/** Carries out the steps of one task, one after another; everything it learns makes it look again. */
export class Runner {
  readonly #deps: RunnerDeps;
  #record: TaskRecord;
  #desired: Situation['desired'];
  #container: ContainerState | undefined;
  #prepared: Prepared | undefined;
  #stopSentAt: number | undefined;
  #failures = 0;
  #retryAt: number | undefined;
  /** Limits the running container was last given, when they are not those of the assignment. */
  #newLimits: TaskAssignment | undefined;
  readonly #startedAt: number;
  readonly #abort = new AbortController();
  #nudge: () => void = () => undefined;
  #cancelTimer: () => void = () => undefined;
  #closed = false;
  #looking = false;
  readonly #onFinished: (taskId: string) => void;

  constructor(
    deps: RunnerDeps,
    record: TaskRecord,
    container: ContainerState | undefined,
    onFinished: (taskId: string) => void,
  ) {
    this.#deps = deps;
    this.#record = record;
    this.#desired = record.assignment.desired;
    this.#container = container;
    this.#onFinished = onFinished;
    this.#startedAt = deps.clock.monotonic();
  }

  get record(): TaskRecord {
    return this.#record;
  }

  /** Works until the task is finished or the runner is closed. */
  async work(): Promise<void> {
    while (!this.#closed) {
      this.#looking = false;
      const step = nextStep(this.#situation());
      if (step.do === 'finish') return this.#onFinished(this.#record.assignment.taskId);
      if (step.do === 'wait') await this.#wait(step.until);
      else await this.#carryOut(step);
    }
  }

  /** New words from the controller. */
  want(desired: Situation['desired'], assignment = this.#record.assignment): void {
    this.#desired = desired;
    const { container } = this.#record.assignment;
    // A record on disk holds the limits that its container has: the new ones stand beside it until they are given.
    const [old, wanted] = [liveLimits(container), liveLimits(assignment.container)];
    this.#newLimits = same(old, wanted) ? undefined : assignment;
    const kept = { ...assignment, container: withLiveLimits(assignment.container, old) };
    this.#record = { ...this.#record, assignment: kept };
    if (desired !== 'running') this.#abort.abort();
    this.#look();
  }

  exited(exit: ContainerExit): void {
    this.#container = { state: 'stopped', exit };
    this.#look();
  }

  /** The agent ends: stop working, leave everything as it is. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#look();
  }

  #look(): void {
    this.#looking = true;
    this.#nudge();
  }

  #wait(until: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#looking || this.#closed) return resolve();
      this.#nudge = () => {
        this.#cancelTimer();
        resolve();
      };
      if (until !== undefined) {
        this.#cancelTimer = this.#deps.clock.after(
          Math.max(0, until - this.#deps.clock.monotonic()),
          resolve,
        );
      }
    });
  }

  #situation(): Situation {
    const { status, cleaned, assignment } = this.#record;
    const state = this.#container?.state ?? 'none';
    return {
      desired: this.#desired,
      state: status.state,
      container: state === 'created' ? 'broken' : state,
      prepared: this.#prepared !== undefined,
      cleaned,
      outdated: this.#newLimits !== undefined,
      now: this.#deps.clock.monotonic(),
      stopGraceMs: assignment.container.stopGraceMs,
      ...(this.#stopSentAt !== undefined && { stopSentAt: this.#stopSentAt }),
      ...(this.#retryAt !== undefined && { retryAt: this.#retryAt }),
    };
  }

  async #carryOut(step: Step): Promise<void> {
    try {
      await this.#do(step);
    } catch (error) {
      await this.#failed(step, asGantryError(error));
    }
  }

  #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'prepare':
        return this.#prepare();
      case 'run':
        return this.#run();
      case 'adopt':
        return this.#adopt();
      case 'update':
        return this.#update();
      case 'stop':
        return this.#stop();
      case 'kill':
        return this.#kill();
      case 'report end':
        return this.#reportEnd();
      case 'report stopped':
        return this.#become({ state: 'shutdown', reason: 'stopped before it ran' });
      case 'clean':
        return this.#clean();
      case 'wait':
      case 'finish':
        return Promise.resolve();
    }
  }

  async #prepare(): Promise<void> {
    const { assignment } = this.#record;
    checkPolicy(this.#deps, assignment);
    const reason = `getting image ${assignment.image.ref}`;
    await this.#become({ state: 'preparing', reason }, 'tell later');
    await this.#deps.slot(async () => {
      const prepared = await prepare(this.#deps, assignment, this.#abort.signal);
      if (!prepared) return;
      this.#prepared = prepared;
      await this.#run();
    });
  }

  async #run(): Promise<void> {
    const { assignment } = this.#record;
    if (!this.#prepared || this.#desired !== 'running') return;
    const plan = await makePlan(this.#deps, assignment, this.#prepared);
    const { address } = this.#prepared.attachment;
    await this.#become({ state: 'starting', reason: `starting ${plan.argv[0] ?? ''}` }, 'tell later');
    const process = await this.#deps.runtime.run(plan);
    // It may have ended already: then its end was heard, and stands.
    if (this.#container?.state !== 'stopped') this.#container = { state: 'running', process };
    await this.#becomeRunning(address, process.pid, this.#deps.runtime.shortcomings(plan));
  }

  async #adopt(): Promise<void> {
    if (this.#container?.state !== 'running') return;
    const { taskId, hostPorts } = this.#record.assignment;
    const { address } = await this.#deps.network.attach(taskId, hostPorts);
    await this.#becomeRunning(address, this.#container.process.pid);
  }

  #becomeRunning(address: string, pid: number, without: readonly string[] = []): Promise<void> {
    const reason = ['running', ...without].join('; ');
    return this.#become({ state: 'running', reason, ready: true, address, pid });
  }

  /** Other limits for the container that runs; the record holds them once it has them. */
  async #update(): Promise<void> {
    const assignment = this.#newLimits;
    if (!assignment) return;
    await this.#deps.runtime.update(assignment.taskId, planLimits(assignment.container));
    if (this.#newLimits === assignment) this.#newLimits = undefined;
    this.#record = { ...this.#record, assignment };
    await this.#become({ ...this.#record.status, reason: 'running' });
  }

  async #stop(): Promise<void> {
    const { container } = this.#record.assignment;
    const signal = container.stopSignal ?? this.#prepared?.image.stopSignal ?? 'SIGTERM';
    await this.#become({ ...this.#record.status, reason: 'stopping', ready: false });
    await this.#deps.runtime.signal(
      this.#record.assignment.taskId,
      signal.startsWith('SIG') ? signal : `SIG${signal}`,
    );
    this.#stopSentAt = this.#deps.clock.monotonic();
  }

  async #kill(): Promise<void> {
    const { taskId } = this.#record.assignment;
    await this.#deps.runtime.delete(taskId);
    this.#container = undefined;
    await this.#become({
      state: 'shutdown',
      reason: 'killed: it did not stop in its grace period',
      exitCode: 137,
    });
  }

  async #reportEnd(): Promise<void> {
    const exit = this.#container?.state === 'stopped' ? this.#container.exit : undefined;
    const wanted = this.#desired !== 'running';
    await this.#become(endOf(exit, wanted, this.#record.assignment.container.limits));
  }

  /** Takes everything of the task off the host but its log; a task that has not ended may then be made anew. */
  async #clean(): Promise<void> {
    const { taskId } = this.#record.assignment;
    await this.#deps.runtime.delete(taskId);
    await takeDown(this.#deps, taskId);
    this.#container = undefined;
    this.#prepared = undefined;
    if (isTerminal(this.#record.status.state)) await this.#keep({ ...this.#record, cleaned: true });
  }

  /** The one question asked of an error: may the same step work later? */
  async #failed(step: Step, error: GantryError): Promise<void> {
    this.#failures++;
    this.#deps.log.warn('a step failed', {
      step: step.do,
      failures: this.#failures,
      error: error.message,
      code: error.code,
    });
    const delay = jitter(backoffMs(this.#failures, 500, 15_000), this.#deps.random());
    const now = this.#deps.clock.monotonic();
    if (step.do === 'update') {
      // It goes on with its old limits, and says so.
      const reason = `running; its limits could not be changed: ${error.message}`;
      await this.#become({ ...this.#record.status, reason });
    }
    if (step.do !== 'prepare' && step.do !== 'run') {
      // Stopping and cleaning must succeed some day: they are tried until they do.
      await this.#pause(delay);
      return;
    }
    if (this.#desired !== 'running') return;
    const words = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    if (!error.retryable || now + delay > this.#startedAt + prepareDeadlineMs) {
      this.#container = undefined;
      await this.#become({ state: 'rejected', reason: words });
      return;
    }
    this.#retryAt = now + delay;
    await this.#become({
      state: this.#record.status.state,
      reason: `${words}; trying again in ${Math.ceil(delay / 1_000)} s`,
    });
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#cancelTimer = this.#deps.clock.after(ms, resolve);
      if (this.#closed) resolve();
    });
  }

  /** `tell later`: a state of a few ms, kept on disk by the next one. */
  async #become(
    change: Partial<TaskStatus> & Pick<TaskStatus, 'state' | 'reason'>,
    when: 'now' | 'tell later' = 'now',
  ): Promise<void> {
    const { status } = this.#record;
    const { pid: _pid, ...kept } = status;
    const ready = change.ready ?? false;
    const next: TaskStatus = {
      ...(change.pid === undefined ? kept : status),
      ...change,
      ready,
      at: this.#deps.clock.now(),
    };
    if (when === 'now') await this.#keep({ ...this.#record, status: next });
    else this.#record = { ...this.#record, status: next };
    this.#deps.report(this.#record.assignment.taskId, next);
  }

  async #keep(record: TaskRecord): Promise<void> {
    this.#record = record;
    await this.#deps.save(record);
  }
}
