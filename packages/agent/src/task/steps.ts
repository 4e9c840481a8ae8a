import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Failpoint } from '@gantry/kit/failpoint';
import type { Logger } from '@gantry/kit/log';
import type { ProcessIdentity } from '@gantry/kit/process';
import { allSettled } from '@gantry/kit/settled';
import { healthCheckOf } from '@gantry/model/health';
import { defaultLogging } from '@gantry/model/logging';
import type { FenceKeeper } from '../fence/keeper.ts';
import type { OnProgress } from '../images/images.ts';
import type { Logs } from '../logs/logs.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { clean } from './clean.ts';
import { planLimits } from './container-plan.ts';
import { drain } from './drain.ts';
import { endOf } from './end-reason.ts';
import {
  checkPolicy,
  getContents,
  getImage,
  limitNetwork,
  makePlan,
  prepare as prepareHost,
  type HostParts,
} from './host-parts.ts';
import type { TaskLife } from './life.ts';
import type { Situation, Step } from './next-step.ts';
import { Phases } from './phases.ts';
import { pullWords } from './pull-words.ts';
import type { StartFacts } from './record.ts';

export interface StepDeps extends HostParts {
  readonly runtime: Runtime;
  readonly logs: Pick<Logs, 'begin' | 'end'>;
  /** Starts that run at once. */
  readonly slot: <T>(work: () => Promise<T>) => Promise<T>;
  readonly monotonic: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Open connections that others made to a container, by its first process; absent: none are waited for. */
  readonly connections?: (pid: number) => Promise<number>;
  /** The id of this boot of the host. */
  readonly bootId: string;
  readonly failpoint: Failpoint;
  /** Guards over tasks that must never run twice; absent: this host takes none. */
  readonly fences?: FenceKeeper;
}

/** Carries out one step of a task. Each may be interrupted anywhere, and is then made again by the next agent. */
export function carryOut(
  deps: StepDeps,
  life: TaskLife,
  step: Step,
  desired: () => Situation['desired'],
  signal: AbortSignal,
): Promise<void> {
  switch (step.do) {
    case 'prepare':
      return prepare(deps, life, desired, signal);
    case 'run':
      return run(deps, life, desired);
    case 'adopt':
      return adopt(deps, life);
    case 'update':
      return update(deps, life);
    case 'drain':
      return drainConnections(deps, life);
    case 'stop':
      return stop(deps, life);
    case 'kill':
      return kill(deps, life);
    case 'report end':
      return reportEnd(deps, life, desired());
    case 'report stopped':
      return reportStopped(life);
    case 'clean':
      return clean(deps, life);
    case 'wait':
    case 'finish':
      return Promise.resolve();
  }
}

async function prepare(
  deps: StepDeps,
  life: TaskLife,
  desired: () => Situation['desired'],
  signal: AbortSignal,
): Promise<void> {
  const { assignment } = life.record;
  checkPolicy(deps, assignment);
  life.tell({ state: 'preparing', reason: `getting image ${assignment.image.ref}` });
  deps.failpoint('prepare');
  // Outside the slots: a slow registry keeps no other task of this host waiting.
  const phases = new Phases(deps.monotonic);
  const tell = pullTeller(deps, life, signal);
  const contents = await phases.time('contents', () => getContents(deps, assignment));
  deps.failpoint('contents');
  const image = await phases.time('image', () => getImage(deps, assignment.image, signal, tell));
  const asked = deps.monotonic();
  await deps.slot(async () => {
    if (signal.aborted) return;
    const waitMs = Math.round(deps.monotonic() - asked);
    life.prepared = await prepareHost(deps, assignment, { image, contents }, phases);
    deps.failpoint('mounted');
    await run(deps, life, desired, phases);
    deps.log.debug('a task was started', { waitMs, phases: phases.all });
  });
}

/** Tells how far a long pull is, as long as it is waited for. */
function pullTeller({ monotonic }: StepDeps, life: TaskLife, signal: AbortSignal): OnProgress {
  const words = pullWords(life.record.assignment.image.ref, monotonic());
  return (progress) => {
    const reason = words(progress, monotonic());
    if (reason !== undefined && !signal.aborted) life.tell({ state: 'preparing', reason });
  };
}

async function run(
  deps: StepDeps,
  life: TaskLife,
  desired: () => Situation['desired'],
  phases = new Phases(deps.monotonic),
): Promise<void> {
  const { assignment } = life.record;
  const { prepared } = life;
  if (!prepared || desired() !== 'running') return;
  const plan = await phases.time('files', () => makePlan(deps, assignment, prepared));
  const { address } = prepared.attachment;
  deps.failpoint('files');
  const facts = startFacts(deps, life);
  await guard(deps, life, facts);
  // With its address: until it is ready, others that ask it are refused at once and not left without an answer.
  const starting = { state: 'starting', reason: `starting ${plan.argv[0] ?? ''}`, address } as const;
  const kept = phases.time('record', () => life.becomeKept(starting, { started: facts }));
  const made = async (): Promise<ProcessIdentity> => {
    await deps.logs.begin(life.taskId, assignment.container.logging ?? defaultLogging);
    return phases.time('container', () => deps.runtime.run(plan, mayStart(deps, life, kept)));
  };
  const [process] = await allSettled([made(), kept]);
  deps.failpoint('run');
  // It may have ended already: then its end was heard, and stands.
  if (life.container?.state !== 'stopped') life.container = { state: 'running', process };
  const without = [...prepared.without, ...deps.runtime.shortcomings(plan)];
  await becomeRunning(life, address, process.pid, without);
  deps.failpoint('running');
}

/** One that must never run twice is guarded before it is started. */
async function guard(
  { fences }: StepDeps,
  life: TaskLife,
  { stopSignal: signal }: StartFacts,
): Promise<void> {
  const { fenceAfterMs, container } = life.record.assignment;
  if (fenceAfterMs === undefined) return;
  if (!fences)
    throw new GantryError('invalid', 'this host cannot stop tasks by itself (availability: prefer-one)');
  await fences.guard(life.taskId, fenceAfterMs, { signal, graceMs: container.stopGraceMs });
}

/**
 * What is waited for just before it starts, as it was made meanwhile: its record, for a container without one would be taken for
 * a leftover and run a second time; its link and the rules of the network. And what is asked once more: making it took time, in
 * which this process may have stood still.
 */
function mayStart(deps: StepDeps, life: TaskLife, kept: Promise<void>): () => Promise<void> {
  const { fences, network, failpoint } = deps;
  return async () => {
    await kept;
    failpoint('starting');
    // Without a link it is begun anew from there: its namespace may have to be another one.
    await network.settled(life.taskId).catch((error: unknown) => {
      life.prepared = undefined;
      throw error;
    });
    const { fenceAfterMs } = life.record.assignment;
    if (fenceAfterMs !== undefined) fences?.mustBeInContact(fenceAfterMs);
  };
}

function startFacts({ bootId }: StepDeps, { record, prepared }: TaskLife): StartFacts {
  const { container } = record.assignment;
  const signal = container.stopSignal ?? prepared?.image.stopSignal ?? 'SIGTERM';
  const health = healthCheckOf(container.health, prepared?.image.health);
  return {
    bootId,
    stopSignal: signal.startsWith('SIG') ? signal : `SIG${signal}`,
    ...(health && { health }),
  };
}

async function adopt(deps: StepDeps, life: TaskLife): Promise<void> {
  if (life.container?.state !== 'running') return;
  const { assignment } = life.record;
  const { address } = await deps.network.attach(assignment.taskId, assignment.hostPorts);
  const without = await limitNetwork(deps, assignment);
  await becomeRunning(life, address, life.container.process.pid, without);
}

function becomeRunning(
  life: TaskLife,
  address: string,
  pid: number,
  without: readonly string[] = [],
): Promise<void> {
  const checked = life.record.started?.health !== undefined;
  const health = checked ? ({ health: 'starting', ready: false } as const) : { ready: true };
  const reason = [checked ? 'running, not yet healthy' : 'running', ...without].join('; ');
  return life.become({ state: 'running', reason, address, pid, ...health });
}

/** Other limits for the container that runs; the record holds them once it has them. */
async function update(deps: StepDeps, life: TaskLife): Promise<void> {
  const assignment = life.newLimits;
  if (!assignment) return;
  await deps.runtime.update(assignment.taskId, planLimits(assignment.container));
  await deps.network.limit(assignment.taskId, assignment.container.tuning?.bandwidth);
  if (life.newLimits === assignment) life.newLimits = undefined;
  await life.become({ ...life.record.status, reason: 'running' }, { assignment });
}

async function drainConnections({ clock, connections }: StepDeps, life: TaskLife): Promise<void> {
  const { container, record } = life;
  if (container?.state === 'running' && connections) {
    const { drainMs } = record.assignment.networking;
    await drain({
      clock,
      drainMs,
      count: () => connections(container.process.pid),
      over: () => life.container?.state !== 'running',
      waiting: (count) => {
        const reason = `draining ${count} connections, for at most ${Math.ceil(drainMs / 1_000)} s`;
        return life.become({ ...life.record.status, reason, ready: false });
      },
    });
  }
  life.drained = true;
}

async function stop(deps: StepDeps, life: TaskLife): Promise<void> {
  const { status, started, unhealthy } = life.record;
  const why = unhealthy === undefined ? 'stopping' : `${unhealthy}; being ended`;
  await life.become({ ...status, reason: why, ready: false });
  deps.failpoint('stop');
  await deps.runtime.signal(life.taskId, started?.stopSignal ?? 'SIGTERM');
  life.stopSentAt = deps.monotonic();
  deps.failpoint('stopping');
}

async function kill(deps: StepDeps, life: TaskLife): Promise<void> {
  await deps.runtime.delete(life.taskId);
  deps.failpoint('killed');
  life.container = undefined;
  const { unhealthy } = life.record;
  const late = 'killed: it did not stop in its grace period';
  await life.become(
    unhealthy === undefined
      ? { state: 'shutdown', reason: late, exitCode: 137 }
      : { state: 'failed', reason: `${unhealthy} (${late})`, exitCode: 137 },
  );
}

async function reportEnd(deps: StepDeps, life: TaskLife, desired: Situation['desired']): Promise<void> {
  const { assignment, unhealthy, started } = life.record;
  const exit = life.container?.state === 'stopped' ? life.container.exit : undefined;
  const restarted = started !== undefined && started.bootId !== deps.bootId;
  deps.failpoint('end');
  const { fenceAfterMs } = assignment;
  const fenced = fenceAfterMs !== undefined && (await deps.fences?.stopped(life.taskId));
  const end = endOf({
    exit,
    wanted: desired !== 'running',
    limits: assignment.container.limits,
    ...(unhealthy !== undefined && { unhealthy }),
    ...(fenced && { fencedAfterMs: fenceAfterMs }),
    restarted,
  });
  // The moment of the end, not of its telling: an agent that could not keep it says the very same once more.
  await life.becomeEnded(end, exit && Math.max(exit.at, life.record.status.at));
  // A disk that is full keeps what it has, and one that hangs is not touched.
  if (!deps.diskHangs?.()) await deps.logs.end(life.taskId).catch(() => undefined);
  deps.failpoint('ended');
}

async function reportStopped(life: TaskLife): Promise<void> {
  const ran = life.record.status.state === 'running';
  await life.become({ state: 'shutdown', reason: ran ? 'stopped as asked' : 'stopped before it ran' });
}
