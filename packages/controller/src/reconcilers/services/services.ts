import type { Service, SlotRestarts } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import type { Change, View, Write } from '../../store/store.ts';
import type { Decision, Env, Reconciler } from '../reconciler.ts';
import { placesOf, type Place } from './places.ts';
import { stepOf, type PlaceStep } from './replace.ts';

/**
 * Keeps every service at what its spec says: makes tasks, replaces those that end or are lost, rolls over to a new
 * revision one place at a time, and takes services away. Creates tasks and owns `desired` and `Service.restarts`.
 */
export const services: Reconciler = {
  name: 'services',

  *keys(view) {
    for (const { id } of view.all('service')) yield id;
    for (const { serviceId } of view.all('task')) yield serviceId;
  },

  *keysOf(change, view) {
    if (change.kind === 'service') yield change.id;
    else if (change.kind === 'node') yield* concernedBy(change, view);
    else {
      const object = change.after ?? change.before;
      if (object) yield object.serviceId;
    }
  },

  decide(view, key, env) {
    const service = view.get('service', key);
    if (!service) return { writes: stopAll(view.tasksOfService(key)) };
    return service.removing ? remove(view, service) : keep(view, service, env);
  },
};

/** Services with tasks on the node, and all global ones, for they may want one there. */
function* concernedBy(change: Change & { kind: 'node' }, view: View): Iterable<string> {
  const [a, b] = [change.before, change.after];
  const same = a && b && a.state === b.state && a.availability === b.availability && a.labels === b.labels;
  if (same && a.subnet === b.subnet && a.description === b.description) return;
  for (const { serviceId } of view.tasksOnNode(change.id)) yield serviceId;
  for (const { id, spec } of view.all('service')) if (spec.mode.kind === 'global') yield id;
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
  const { wanted, extra } = placesOf(view, service);
  const steps = inTurn(
    service,
    wanted,
    wanted.map((place) => stepOf(view, service, place, env.now)),
  );
  const writes: Write[] = [...stopAll(extra)];
  const restarts: Record<string, SlotRestarts> = { ...service.restarts };
  let wakeAt: number | undefined;
  steps.forEach((step, index) => {
    const place = wanted[index];
    if (!place) return;
    if (step.restart) {
      restarts[place.key] = step.restart.restarts;
      if (!step.create) wakeAt = Math.min(wakeAt ?? Infinity, step.restart.at);
    }
    writes.push(...writesOf(service, place, step, env));
  });
  const owner = withRestarts(service, restarts);
  return { writes: [...(owner ? [owner] : []), ...writes], ...(wakeAt !== undefined && { wakeAt }) };
}

/** One place rolls over at a time: the first candidate begins if none is under way. */
function inTurn(
  service: Service,
  places: readonly Place[],
  steps: readonly PlaceStep[],
): readonly PlaceStep[] {
  if (steps.some(({ rolling }) => rolling)) return steps;
  // Places that are still filling up come first: an update must not take ready tasks while others are missing.
  const filling = steps.some(({ create, restart }) => create || restart !== undefined);
  const next = filling ? -1 : steps.findIndex(({ candidate }) => candidate);
  return steps.map((step, index) => (index === next ? rolledOver(service, places[index], step) : step));
}

/** Start-first, unless a host port can only be held by one task at a time. */
function rolledOver(service: Service, place: Place | undefined, step: PlaceStep): PlaceStep {
  const stopFirst = service.spec.ports.some(({ mode }) => mode === 'host');
  if (!stopFirst) return { ...step, create: true };
  const live =
    place?.tasks.filter((task) => task.desired === 'running' && !isTerminal(task.status.state)) ?? [];
  return { ...step, stop: [...step.stop, ...live.filter((task) => !step.stop.includes(task))] };
}

function writesOf(service: Service, place: Place, step: PlaceStep, env: Env): readonly Write[] {
  const stops = step.stop.map((task) => desire(task, 'shutdown'));
  if (!step.create) return stops;
  // The ends that this task answers are history now.
  const answered = place.tasks.filter((task) => task.desired === 'running' && isTerminal(task.status.state));
  return [...stops, ...answered.map((task) => desire(task, 'shutdown')), create(service, place, env)];
}

function create(service: Service, place: Place, env: Env): Write {
  const status = place.node
    ? ({ state: 'assigned', reason: `placed on ${place.node.name}` } as const)
    : ({ state: 'pending', reason: 'waiting for a place' } as const);
  return {
    op: 'put',
    object: {
      kind: 'task',
      id: env.newId(),
      version: 0,
      serviceId: service.id,
      revisionId: service.revisionId,
      slot: place.slot,
      desired: 'running',
      ...(place.node && { nodeId: place.node.id }),
      status: { ...status, at: env.now, ready: false },
      createdAt: env.now,
    },
  };
}

function desire(task: Task, desired: 'shutdown' | 'remove'): Write {
  return { op: 'put', object: { ...task, desired } };
}

/** The service with its restart history, if that changed; places that are gone are forgotten. */
function withRestarts(service: Service, restarts: Readonly<Record<string, SlotRestarts>>): Write | undefined {
  const { mode } = service.spec;
  const kept = Object.entries(restarts).filter(
    ([key]) => mode.kind === 'global' || Number(key) <= mode.replicas,
  );
  const same =
    kept.length === Object.keys(service.restarts).length &&
    kept.every(([key, value]) => service.restarts[key]?.lastTask === value.lastTask);
  return same ? undefined : { op: 'put', object: { ...service, restarts: Object.fromEntries(kept) } };
}
