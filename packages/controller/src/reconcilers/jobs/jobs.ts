import type { NodeId } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import { isOverRun, type JobRun, type JobSpec, type JobStatus } from '@gantry/model/job';
import type { Service } from '@gantry/model/service';
import { same } from '@gantry/model/spec-change';
import type { Task } from '@gantry/model/task';
import type { Change, View, Write } from '../../store/store.ts';
import { dependentsOf, waitingOf } from '../dependencies.ts';
import { nothing, type Decision, type Env, type Reconciler } from '../reconciler.ts';
import { holdsOtherVolumes, homeOf } from '../services/home.ts';
import { unanswered, type Place } from '../services/places.ts';
import { currentRun, dueOf, endedRun, withRun } from './due.ts';
import { stepOfRun, type RunStep } from './run.ts';

/**
 * Runs jobs: services whose tasks are to end. Makes a run when one is due, begins it once what it needs is there and its
 * group is free, tries failed tasks again, and ends it. Creates the tasks of jobs, owns their `desired` and `Service.job`.
 */
export const jobs: Reconciler = {
  name: 'jobs',

  *keys(view) {
    for (const { id, spec } of view.all('service')) if (spec.job) yield id;
  },

  *keysOf(change, view) {
    for (const id of dependentsOf(change, view)) {
      yield id;
      // Whether it can begin decides about those that take turns with it.
      yield* mates(view, [view.get('service', id)]);
    }
    if (change.kind === 'node') {
      yield* concernedBy(change, view);
      yield* holdsOtherVolumes(change, view);
    } else if (change.kind === 'service') {
      yield change.id;
      yield* groupOf(change, view);
    } else if (change.kind === 'task' || change.kind === 'revision') {
      const object = change.after ?? change.before;
      if (object) yield object.serviceId;
    }
  },

  decide(view, key, env) {
    const service = view.get('service', key);
    if (!service?.spec.job || service.removing) return nothing;
    return work(view, service, service.spec.job, env);
  },
};

/** A host that came, went, or is closed matters to jobs with tasks on it, and to all that run on every host. */
function* concernedBy({ id, before, after }: Change & { kind: 'node' }, view: View): Iterable<string> {
  if (before && after && facing(before) === facing(after)) return;
  for (const { serviceId } of view.tasksOnNode(id)) yield serviceId;
  for (const { id: job, spec } of view.all('service')) if (spec.job && spec.mode.kind === 'global') yield job;
}

function facing({ state, availability, unheardMs, subnet, name, labels, description }: Node): string {
  const { os, arch } = description;
  const words = [state, availability, unheardMs, subnet, name, os, arch];
  return JSON.stringify([...words, Object.entries(labels).sort()]);
}

/** Jobs that take turns with the one that changed. */
function groupOf({ before, after }: Change & { kind: 'service' }, view: View): Iterable<string> {
  return mates(view, [before, after]);
}

function* mates(view: View, services: readonly (Service | undefined)[]): Iterable<string> {
  const groups = services.flatMap((service) => service?.spec.job?.group ?? []);
  if (groups.length === 0) return;
  for (const { id, spec } of view.all('service'))
    if (spec.job?.group !== undefined && groups.includes(spec.job.group)) yield id;
}

function work(view: View, service: Service, job: JobSpec, env: Env): Decision {
  const { now } = env;
  const due = dueOf(service, job, now);
  const before = currentRun(due.status);
  // A run must stand in the store as waiting before it begins: only then do others of its group see it.
  const known = before !== undefined && service.job?.runs.some(({ number }) => number === before.number);
  const begun = before?.state === 'waiting' && known ? begin(view, service, job, before, now) : before;
  const step = begun?.state === 'running' ? stepOfRun(view, service, job, begun, env) : undefined;
  const run = step?.run ?? begun;
  const status = run ? withRun(due.status, run) : due.status;
  const writes = [...owner(service, status), ...taskWrites(view, service, status, step, env)];
  const times = [due.wakeAt, step?.wakeAt, ...ttlTimes(view, service, job, status)].filter(
    (at) => at !== undefined && at > now,
  ) as number[];
  return { writes, ...(times.length > 0 && { wakeAt: Math.min(...times) }) };
}

/** Begins the run, unless something it needs is not there, or another of its group goes first. */
function begin(view: View, service: Service, { group }: JobSpec, run: JobRun, now: number): JobRun {
  const waiting = waitingOf(view, service);
  if (waiting?.hopeless) return endedRun(run, 'failed', waiting.reason, now);
  if (waiting) return { ...run, reason: waiting.reason };
  const ahead = group === undefined ? undefined : firstOf(view, group, service, run);
  if (ahead) return { ...run, reason: `waits for ${ahead.spec.name}, of the same group` };
  return { ...run, state: 'running', reason: 'its tasks run', startedAt: now };
}

/** The job of the group that runs now, or waits for longer than this one. */
function firstOf(view: View, group: string, service: Service, run: JobRun): Service | undefined {
  const rank = (other: Service, { state, dueAt }: JobRun): readonly [number, number, string] => [
    state === 'running' ? 0 : 1,
    dueAt,
    other.id,
  ];
  let [first, best] = [service, rank(service, run)];
  for (const other of view.all('service')) {
    const theirs = other.spec.job?.group === group && !other.removing && other.job && currentRun(other.job);
    // One that cannot begin anyway holds nobody up.
    if (!theirs || other.id === service.id || (theirs.state === 'waiting' && waitingOf(view, other)))
      continue;
    const its = rank(other, theirs);
    if (before(its, best)) [first, best] = [other, its];
  }
  return first.id === service.id ? undefined : first;
}

function before(a: readonly [number, number, string], b: readonly [number, number, string]): boolean {
  return a[0] - b[0] !== 0 ? a[0] < b[0] : a[1] - b[1] !== 0 ? a[1] < b[1] : a[2] < b[2];
}

function owner(service: Service, status: JobStatus): readonly Write[] {
  return same(status, service.job) ? [] : [{ op: 'put', object: { ...service, job: status } }];
}

/** Tasks of runs that are over stop and become history; after their time they go. */
function taskWrites(
  view: View,
  service: Service,
  status: JobStatus,
  step: RunStep | undefined,
  env: Env,
): readonly Write[] {
  const running = currentRun(status)?.number;
  const gone = expired(service, status, env.now);
  const stop = new Set(step?.stop ?? []);
  const made = step?.create ?? [];
  const answered = new Set(made.flatMap(({ tasks }) => unanswered(tasks)));
  const writes = [...view.tasksOfService(service.id)].flatMap((task): readonly Write[] => {
    if (task.run !== undefined && gone.has(task.run)) return desire(task, 'remove');
    if (task.run !== running || stop.has(task) || answered.has(task)) return desire(task, 'shutdown');
    return [];
  });
  const run = step?.run;
  const making: Making = { view, service, env, given: new Set() };
  return [...writes, ...(run ? made.map((place) => create(making, place, run)) : [])];
}

function desire(task: Task, desired: 'shutdown' | 'remove'): readonly Write[] {
  if (task.desired === desired || task.desired === 'remove') return [];
  return [{ op: 'put', object: { ...task, desired } }];
}

/** Runs whose tasks have been kept for long enough. */
function expired({ spec }: Service, { runs }: JobStatus, now: number): ReadonlySet<number> {
  const ttlMs = spec.job?.ttlMs;
  if (ttlMs === undefined) return new Set();
  const over = runs.filter((run) => isOverRun(run) && now >= (run.endedAt ?? run.dueAt) + ttlMs);
  return new Set(over.map(({ number }) => number));
}

function ttlTimes(view: View, { id }: Service, { ttlMs }: JobSpec, { runs }: JobStatus): readonly number[] {
  if (ttlMs === undefined) return [];
  const held = new Set([...view.tasksOfService(id)].map(({ run }) => run));
  return runs
    .filter((run) => isOverRun(run) && held.has(run.number))
    .map((run) => (run.endedAt ?? run.dueAt) + ttlMs);
}

interface Making {
  readonly view: View;
  readonly service: Service;
  readonly env: Env;
  /** Nodes that tasks of this decision are bound to for their volumes. */
  readonly given: Set<NodeId>;
}

function create({ view, service, env, given }: Making, place: Place, run: JobRun): Write {
  const only = place.node?.id ?? homeOf(view, service, place, run.revisionId, given);
  const status = { state: 'new', reason: 'waiting for a place', at: env.now, ready: false } as const;
  const object: Task = {
    kind: 'task',
    id: env.newId(),
    version: 0,
    serviceId: service.id,
    revisionId: run.revisionId,
    slot: place.slot,
    run: run.number,
    desired: 'running',
    ...(only !== undefined && { only }),
    status,
    createdAt: env.now,
  };
  return { op: 'put', object };
}
