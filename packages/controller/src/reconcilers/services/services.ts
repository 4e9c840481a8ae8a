import type { Node } from '@gantry/model/node';
import type { NodeId, RevisionId, ServiceId } from '@gantry/model/ids';
import type { Service, SlotRestarts } from '@gantry/model/service';
import { movesForMs } from '@gantry/model/moves';
import { same } from '@gantry/model/spec-change';
import type { Task } from '@gantry/model/task';
import type { UpdateStatus } from '@gantry/model/update';
import type { Change, View, Write } from '../../store/store.ts';
import { dependentsOf, waitingOf } from '../dependencies.ts';
import type { Decision, Env, Reconciler } from '../reconciler.ts';
import { begun, deadlineOf, finished, judged } from './judge.ts';
import { homeOf, holdsOtherVolumes } from './home.ts';
import { isOnItsWay } from './on-its-way.ts';
import { isLost, placesOf, unanswered, type Place } from './places.ts';
import { stepOf, type PlaceStep } from './replace.ts';
import { rolloutOf } from './rollout.ts';
import { inTurn, turnAt } from './turns.ts';
import { unseenReason } from './unseen.ts';

/**
 * Keeps every service at what its spec says: makes tasks, replaces those that end or are lost, rolls over to a new
 * revision and back again if that fails, and takes services away. Creates tasks and owns `desired`, `readySince`,
 * `Service.update` and `Service.restarts`.
 */
export const services: Reconciler = {
  name: 'services',

  *keys(view) {
    for (const { id } of view.all('service')) yield id;
    for (const { serviceId } of view.all('task')) yield serviceId;
  },

  *keysOf(change, view) {
    yield* dependentsOf(change, view);
    if (change.kind === 'service') yield change.id;
    else if (change.kind === 'node') {
      yield* concernedBy(change, view);
      yield* holdsOtherVolumes(change, view);
    } else if (change.kind === 'task' || change.kind === 'revision') {
      if (change.kind === 'task' && isOnItsWay(change, view)) return;
      const object = change.after ?? change.before;
      if (object) yield object.serviceId;
    }
  },

  decide(view, key, env) {
    const service = view.get('service', key);
    if (!service) return { writes: stopAll(view.tasksOfService(key)) };
    if (service.removing) return remove(view, service);
    // The tasks of jobs are made elsewhere.
    return service.spec.job ? { writes: [] } : keep(view, service, env);
  },
};

/** Services with tasks on the node, and all global ones, for they may want one there. */
function* concernedBy(change: Change & { kind: 'node' }, view: View): Iterable<string> {
  const { id, before, after } = change;
  const silentOnly = before && after && facing(before) === facing(after);
  if (silentOnly && isSilent(before) === isSilent(after)) return;
  for (const { serviceId } of view.tasksOnNode(id))
    if (!silentOnly || waitsForRoom(view, serviceId)) yield serviceId;
  if (silentOnly) return;
  for (const service of view.all('service')) if (service.spec.mode.kind === 'global') yield service.id;
}

function isSilent({ silentSince }: Node): boolean {
  return silentSince !== undefined;
}

/**
 * A task of it found no host, so that the room of an old one may be what it waits for. Nobody else asks who is silent; under
 * load hosts are silent now and then, and looking at every service of each of them would be more load.
 */
function waitsForRoom(view: View, serviceId: ServiceId): boolean {
  for (const { nodeId, status } of view.tasksOfService(serviceId))
    if (nodeId === undefined && status.state === 'pending') return true;
  return false;
}

/** All that a decision about a service looks at of a node, besides its silence. */
function facing({ state, availability, unheardMs, subnet, name, labels, description }: Node): string {
  const { os, arch, cpuMillis, memoryBytes } = description;
  const words = [state, availability, unheardMs, subnet, name, os, arch];
  return JSON.stringify([...words, cpuMillis, memoryBytes, Object.entries(labels).sort()]);
}

function remove(view: View, service: Service): Decision {
  const tasks = [...view.tasksOfService(service.id)];
  if (tasks.length > 0) return { writes: stopAll(tasks) };
  const gone = [...view.revisionsOfService(service.id), service];
  return {
    writes: gone.map(({ kind, id, version }): Write => ({ op: 'delete', kind, id, version })),
    note: 'the service and everything of it is gone',
  };
}

function stopAll(tasks: Iterable<Task>): readonly Write[] {
  return [...tasks].filter(({ desired }) => desired !== 'remove').map((task) => desire(task, 'remove'));
}

function keep(view: View, service: Service, env: Env): Decision {
  const { now } = env;
  const begins = begun(view, service, now);
  const first = placesOf(view, withUpdate(service, begins));
  const update = judged(view, service, begins, first.wanted, now);
  const rollout = rolloutOf(view, service, update, env);
  // Going back may be to a revision that belongs on other hosts.
  const { wanted, extra } = update?.back === begins?.back ? first : placesOf(view, rollout.service);
  const waiting = mayWait(update, service) ? waitingOf(view, service) : undefined;
  const steps = inTurn(
    view,
    rollout,
    wanted.map((place) => {
      const step = stepOf(view, rollout, place);
      return waiting ? held(view, place, step) : step;
    }),
  );
  const restarts: Record<string, SlotRestarts> = { ...service.restarts };
  const making: Making = { view, service, env, given: new Set() };
  const made = wanted.flatMap((place, index) => {
    const step = steps[index];
    if (step?.restart) restarts[place.key] = step.restart.restarts;
    return step ? writesOf(making, place, step) : [];
  });
  const done = finished(view, service, update, steps, now);
  const owner = withProgress(
    view,
    withWaiting(service, waiting?.reason ?? unseenReason(view, wanted, env.settings)),
    service,
    done,
    restarts,
  );
  const writes = [...(owner ? [owner] : []), ...stopAll(extra), ...made];
  const wakeAt = earliest([
    wakeOf(steps, now),
    turnAt(view, rollout, steps),
    deadlineOf(rollout.service, wanted, now),
    movesEndAt(view, service, now),
  ]);
  return {
    writes,
    ...(wakeAt !== undefined && { wakeAt }),
    ...(writes.length > 0 && { note: noteOf(writes) }),
  };
}

/** When moves that have not come about are given up. */
function movesEndAt(view: View, { moves }: Service, now: number): number | undefined {
  if (!moves || now >= moves.at + movesForMs) return undefined;
  const open = moves.tasks.some((id) => view.get('task', id)?.desired === 'running');
  return open ? moves.at + movesForMs : undefined;
}

/** Dependencies are waited for until a revision is up; a crash later waits for nobody. */
function mayWait(update: UpdateStatus | undefined, { revisionId, spec }: Service): boolean {
  return (
    spec.dependsOn !== undefined && !(update?.to === revisionId && (update.state === 'done' || update.back))
  );
}

/** A place where nothing of the wanted revision was ever begun stays as it is. */
function held(view: View, place: Place, step: PlaceStep): PlaceStep {
  if (place.tasks.some(({ revisionId }) => revisionId === step.wanted)) return step;
  const { create: _create, candidate: _candidate, restart: _restart, ...rest } = step;
  return { ...rest, stop: step.stop.filter((task) => isLost(view, task)) };
}

function withWaiting(service: Service, reason: string | undefined): Service {
  const { waiting: _waiting, ...rest } = service;
  return reason === undefined ? rest : { ...rest, waiting: reason };
}

function withUpdate(service: Service, update: UpdateStatus | undefined): Service {
  return update ? { ...service, update } : service;
}

/** The earliest end of a back-off or of a watch. */
function wakeOf(steps: readonly PlaceStep[], now: number): number | undefined {
  return earliest(
    steps.flatMap(({ create, restart, watchedAt }) => [
      ...(restart && create === undefined ? [restart.at] : []),
      ...(watchedAt !== undefined && watchedAt > now ? [watchedAt] : []),
    ]),
  );
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.flatMap((time) => time ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}

function noteOf(writes: readonly Write[]): string {
  const tasks = writes.flatMap((write) =>
    write.op === 'put' && write.object.kind === 'task' ? [write.object] : [],
  );
  const made = tasks.filter(({ version }) => version === 0).length;
  return `${made} tasks made, ${tasks.length - made} changed`;
}

/** What the tasks of one decision are made of. */
interface Making {
  readonly view: View;
  readonly service: Service;
  readonly env: Env;
  /** Nodes that tasks of this decision are bound to for their volumes. */
  readonly given: Set<NodeId>;
}

function writesOf(making: Making, place: Place, step: PlaceStep): readonly Write[] {
  const { env } = making;
  const writes = step.stop.map((task) => desire(task, 'shutdown'));
  if (step.watch) writes.push(watch(step.watch, env.now));
  if (step.create === undefined) return writes;
  // The ends that this task answers are history now.
  const answered = unanswered(place.tasks).filter((task) => !step.stop.includes(task));
  return [...writes, ...answered.map((task) => desire(task, 'shutdown')), create(making, place, step.create)];
}

/** The task's watch begins, or is over because it is not ready any more. */
function watch(task: Task, now: number): Write {
  const { readySince: _before, ...rest } = task;
  return { op: 'put', object: task.status.ready ? { ...rest, readySince: now } : rest };
}

function create({ view, service, env, given }: Making, place: Place, revisionId: RevisionId): Write {
  const only = place.node?.id ?? homeOf(view, service, place, revisionId, given);
  const status = { state: 'new', reason: waitingWords(place), at: env.now, ready: false } as const;
  return {
    op: 'put',
    object: {
      kind: 'task',
      id: env.newId(),
      version: 0,
      serviceId: service.id,
      revisionId,
      slot: place.slot,
      desired: 'running',
      ...(only !== undefined && { only }),
      status,
      createdAt: env.now,
    },
  };
}

/** Why a new task waits: for a place, and what became of the one before it if that was not its own doing. */
function waitingWords({ tasks }: Place): string {
  const last = [...tasks].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))[0];
  return last?.makesWay === undefined
    ? 'waiting for a place'
    : `waiting for a place: the one before it ${last.makesWay}`;
}

function desire(task: Task, desired: 'shutdown' | 'remove'): Write {
  return { op: 'put', object: { ...task, desired } };
}

/** The service with its restart history and the progress of its update, if either changed; places that are gone are forgotten. */
function withProgress(
  view: View,
  service: Service,
  before: Service,
  update: UpdateStatus | undefined,
  restarts: Readonly<Record<string, SlotRestarts>>,
): Write | undefined {
  const { mode } = service.spec;
  const kept = Object.entries(restarts).filter(([key]) =>
    mode.kind === 'global' ? view.get('node', key) : Number(key) <= mode.replicas,
  );
  const unchanged =
    kept.length === Object.keys(service.restarts).length &&
    kept.every(([key, value]) => service.restarts[key]?.lastTask === value.lastTask);
  if (unchanged && same(update, before.update) && service.waiting === before.waiting) return undefined;
  return { op: 'put', object: { ...withUpdate(service, update), restarts: Object.fromEntries(kept) } };
}
