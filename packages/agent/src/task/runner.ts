import { backoffMs, jitter } from '@gantry/kit/backoff';
import type { Clock } from '@gantry/kit/clock';
import { asGantryError, type GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import type { HealthCheck } from '@gantry/model/health';
import type { ContainerExit, ContainerState } from '../runtime/runtime.ts';
import { HealthWatch } from './health-watch.ts';
import type { Health, ProbeResult } from './health.ts';
import { TaskLife, type LifeDeps } from './life.ts';
import { nextStep, type Situation, type Step } from './next-step.ts';
import type { TaskRecord } from './record.ts';
import { carryOut, type StepDeps } from './steps.ts';

export interface RunnerDeps extends Omit<StepDeps, 'monotonic'>, LifeDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Asks a container once whether it is well; never throws. */
  readonly probe: (
    target: { readonly id: string; readonly address: string },
    check: HealthCheck,
    signal: AbortSignal,
  ) => Promise<ProbeResult>;
}

/** A pull or mount that fails is tried again for this long before the task is rejected, ms. */
const prepareDeadlineMs = 120_000;

/** Carries out the steps of one task, one after another; everything it learns makes it look again. */
export class Runner {
  readonly #deps: RunnerDeps;
  readonly #steps: StepDeps;
  readonly #life: TaskLife;
  #desired: Situation['desired'];
  #failures = 0;
  #retryAt: number | undefined;
  readonly #startedAt: number;
  readonly #abort = new AbortController();
  #health: HealthWatch | undefined;
  /** What the health watch said last, until the next turn takes it up. */
  #said: Health | undefined;
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
    this.#steps = { ...deps, monotonic: () => deps.clock.monotonic() };
    this.#life = new TaskLife(deps, record, container);
    this.#desired = record.assignment.desired;
    this.#onFinished = onFinished;
    this.#startedAt = deps.clock.monotonic();
  }

  get record(): TaskRecord {
    return this.#life.record;
  }

  /** Works until the task is finished or the runner is closed. */
  async work(): Promise<void> {
    while (!this.#closed) {
      this.#looking = false;
      const step = nextStep(this.#situation());
      if (step.do === 'finish') return this.#onFinished(this.#life.taskId);
      if (step.do !== 'wait') await this.#carryOut(step);
      else if (this.#said) await this.#hearHealth();
      else await this.#wait(step.until);
    }
  }

  /** New words from the controller. */
  want(desired: Situation['desired'], assignment = this.record.assignment): void {
    this.#desired = desired;
    this.#life.assigned(assignment);
    // The reason of an abort is made anew each time, with its stack.
    if (desired !== 'running' && !this.#abort.signal.aborted) this.#abort.abort();
    this.#look();
  }

  exited(exit: ContainerExit): void {
    this.#life.container = { state: 'stopped', exit };
    this.#look();
  }

  /** The agent ends: stop working, leave everything as it is. */
  close(): void {
    this.#closed = true;
    this.#health?.close();
    this.#cancelTimer();
    this.#look();
  }

  #look(): void {
    this.#looking = true;
    this.#nudge();
  }

  #wait(until: number | undefined): Promise<void> {
    this.#watchHealth();
    return new Promise((resolve) => {
      if (this.#looking || this.#closed) return resolve();
      this.#nudge = () => {
        this.#cancelTimer();
        resolve();
      };
      if (until === undefined) return;
      const wait = Math.max(0, until - this.#deps.clock.monotonic());
      this.#cancelTimer = this.#deps.clock.after(wait, resolve);
    });
  }

  #situation(): Situation {
    const { status, cleaned, assignment, started, unhealthy } = this.record;
    const { container, prepared, stopSentAt } = this.#life;
    const state = container?.state ?? 'none';
    return {
      desired: this.#desired,
      state: status.state,
      container: state === 'created' ? 'broken' : state,
      prepared: prepared !== undefined,
      cleaned,
      bootGone: started !== undefined && started.bootId !== this.#deps.bootId,
      unhealthy: unhealthy !== undefined,
      outdated: this.#life.newLimits !== undefined,
      // One that its health check gave up answers nobody: its connections are not worth a wait.
      draining: !this.#life.drained && unhealthy === undefined,
      now: this.#deps.clock.monotonic(),
      stopGraceMs: assignment.container.stopGraceMs,
      ...(stopSentAt !== undefined && { stopSentAt }),
      ...(this.#retryAt !== undefined && { retryAt: this.#retryAt }),
    };
  }

  async #carryOut(step: Step): Promise<void> {
    try {
      await carryOut(this.#steps, this.#life, step, () => this.#desired, this.#abort.signal);
    } catch (error) {
      await this.#failed(step, asGantryError(error));
    }
  }

  /** The one question asked of an error: may the same step work later? */
  async #failed(step: Step, error: GantryError): Promise<void> {
    this.#failures++;
    const { message, code } = error;
    this.#deps.log.warn('a step failed', { step: step.do, failures: this.#failures, error: message, code });
    const delay = jitter(backoffMs(this.#failures, 500, 15_000), this.#deps.random());
    if (step.do === 'update') {
      // It goes on with its old limits, and says so.
      const reason = `running; its limits could not be changed: ${message}`;
      await this.#life.become({ ...this.record.status, reason });
    }
    // Stopping and cleaning must succeed some day: they are tried until they do. And what runs is not given up.
    const starting = step.do === 'prepare' || step.do === 'run';
    if (!starting || this.#life.container?.state === 'running') return this.#pause(delay);
    if (this.#desired !== 'running') return;
    await this.#startFailed(error, delay);
  }

  async #startFailed(error: GantryError, delay: number): Promise<void> {
    const now = this.#deps.clock.monotonic();
    const words = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    // A task that has just ended here still holds its ports for the moment that cleaning up takes.
    const mayWork = error.retryable || error.code === 'port_taken';
    if (!mayWork || now + delay > this.#startedAt + prepareDeadlineMs) {
      this.#life.container = undefined;
      return this.#life.become({ state: 'rejected', reason: words });
    }
    this.#retryAt = now + delay;
    const reason = `${words}; trying again in ${Math.ceil(delay / 1_000)} s`;
    await this.#life.become({ state: this.record.status.state, reason });
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#cancelTimer = this.#deps.clock.after(ms, resolve);
      if (this.#closed) resolve();
    });
  }

  /** A container that runs, and is wanted, is asked for its health if it has a check. */
  #watchHealth(): void {
    const { status, started, unhealthy } = this.record;
    const runs = status.state === 'running' && this.#life.container?.state === 'running';
    if (!runs || this.#desired !== 'running' || unhealthy !== undefined || this.#closed) {
      this.#health?.close();
      this.#health = undefined;
      return;
    }
    if (this.#health || !started?.health) return;
    const target = { id: this.#life.taskId, address: status.address ?? '' };
    const deps = {
      clock: this.#deps.clock,
      random: this.#deps.random,
      probe: (check: HealthCheck, signal: AbortSignal) => this.#deps.probe(target, check, signal),
      onPhase: (health: Health) => {
        this.#said = health;
        this.#look();
      },
    };
    this.#health = new HealthWatch(deps, started.health, status.health === 'healthy');
  }

  async #hearHealth(): Promise<void> {
    const health = this.#said;
    this.#said = undefined;
    const { status } = this.record;
    if (!health || status.state !== 'running' || this.#life.container?.state !== 'running') return;
    if (health.phase === 'healthy') {
      await this.#life.become({ ...status, reason: 'running, healthy', ready: true, health: 'healthy' });
    } else if (health.phase === 'unhealthy') {
      const { reason } = health;
      this.#deps.log.warn('a container is unhealthy and is ended', { reason });
      await this.#life.become(
        { ...status, reason, ready: false, health: 'unhealthy' },
        { unhealthy: reason },
      );
    }
  }
}
