import type { Change, View } from '@gantry/controller/store/store';
import { boundTo, holdsNode, isTerminal, type Task, type TaskState } from '@gantry/model/task';
import { same } from '@gantry/model/spec-change';

/** A broken promise of the product, in words. */
export class Broken extends Error {}

type Writer = 'services' | 'schedule' | 'agent' | 'node-health';

/**
 * Who may move a task from where to where: SwarmKit's table (its TLA+ model, `Transitions`), with our states. `null` is a
 * task that is not there. An agent may skip states that last a moment: it tells the newest one.
 */
export const transitions: Readonly<
  Record<Writer | 'reap', readonly (readonly [TaskState | null, TaskState | null])[]>
> = {
  services: [[null, 'new']],
  schedule: [
    ['new', 'pending'],
    ['new', 'assigned'],
    ['pending', 'pending'],
    ['pending', 'assigned'],
  ],
  agent: pairs(
    ['assigned', 'preparing', 'starting', 'running'],
    ['assigned', 'preparing', 'starting', 'running', 'complete', 'failed', 'rejected', 'shutdown'],
  ),
  'node-health': pairs(['assigned', 'preparing', 'starting', 'running'], ['orphaned']),
  reap: [
    ['new', null],
    ['pending', null],
    ['assigned', null],
    ['preparing', null],
    ['starting', null],
    ['running', null],
    ['complete', null],
    ['failed', null],
    ['rejected', null],
    ['shutdown', null],
    ['orphaned', null],
  ],
};

function pairs(
  from: readonly TaskState[],
  to: readonly TaskState[],
): readonly (readonly [TaskState, TaskState])[] {
  return from.flatMap((a, index) =>
    to.filter((b) => to.indexOf(b) >= index || a === b).map((b) => [a, b] as const),
  );
}

/**
 * Fields of each kind by who writes them: one write changes the fields of one writer (ARCHITECTURE.md). What is not named (a
 * revision, a config, a secret) never changes.
 */
const writers: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  service: {
    api: ['spec', 'revisionId', 'removing', 'hold', 'moves'],
    allocate: ['vip', 'publishedPorts'],
    services: ['restarts', 'update', 'waiting'],
    jobs: ['job'],
  },
  node: {
    api: ['availability', 'labels'],
    dispatcher: ['description', 'name', 'silentSince', 'unheardMs', 'pressure', 'volumes'],
    'node-health': ['state', 'stateReason'],
    allocate: ['subnet'],
  },
  task: {
    services: ['desired', 'readySince'],
    schedule: ['nodeId', 'status'],
    dispatcher: ['status'],
    preempt: ['makesWay'],
  },
};

/** True if the node was drained or down a moment ago: a decision may be as old as the view it was made on. */
export type WasAway = (nodeId: string) => boolean;

/** Checks one step of one object against the laws that need nothing but the step and the view after it. Throws Broken. */
export function checkChange(change: Change, view: View, wasAway: WasAway): void {
  checkWriters(change);
  if (change.kind !== 'task') return;
  const { before, after } = change;
  if (before && after) checkStep(before, after);
  else if (after) checkBirth(after, view, wasAway);
  else if (before) checkDeath(before, view, wasAway);
}

function checkWriters({ kind, id, before, after }: Change): void {
  if (!before || !after) return;
  const changed = fieldsThatDiffer(before, after);
  // Written as it is, to hold it against others.
  if (changed.length === 0) return;
  const table = writers[kind] ?? {};
  const one = Object.values(table).some((fields) => changed.every((field) => fields.includes(field)));
  if (!one)
    throw new Broken(`${kind} ${id}: one write changed ${changed.join(', ')}, which no one writer may`);
}

function fieldsThatDiffer(before: object, after: object): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  names.delete('version');
  return [...names].filter((name) => !same(Reflect.get(before, name), Reflect.get(after, name)));
}

function checkStep(before: Task, after: Task): void {
  const [from, to] = [before.status.state, after.status.state];
  const told = `task ${after.id}`;
  if (!same(before.status, after.status) || before.nodeId !== after.nodeId) {
    const writer = writerOf(before, after);
    if (!transitions[writer].some(([a, b]) => a === from && b === to))
      throw new Broken(`${told}: ${writer} moved it from ${from} to ${to}`);
  }
  if (before.nodeId !== undefined && before.nodeId !== after.nodeId)
    throw new Broken(`${told} moved from one host to another`);
  const order = ['running', 'shutdown', 'remove'];
  if (order.indexOf(after.desired) < order.indexOf(before.desired))
    throw new Broken(`${told}: desired went back from ${before.desired} to ${after.desired}`);
}

function writerOf(before: Task, after: Task): Writer {
  if (after.status.state === 'orphaned') return 'node-health';
  return before.nodeId === undefined ? 'schedule' : 'agent';
}

function checkBirth(task: Task, view: View, wasAway: WasAway): void {
  const { state } = task.status;
  if (
    !transitions.services.some(([, to]) => to === state) ||
    (state === 'assigned') !== (task.nodeId !== undefined)
  )
    throw new Broken(`task ${task.id} was born ${state}`);
  for (const other of view.tasksOfService(task.serviceId)) {
    if (other.id !== task.id && samePlace(task, other)) checkTogether(task, other, view, wasAway);
  }
}

function samePlace(a: Task, b: Task): boolean {
  return a.slot === b.slot && (a.slot !== 0 || boundTo(a) === boundTo(b));
}

/** A place has one live task, but while it is rolled over start-first, moved off a drained host, or its host is lost. */
function checkTogether(born: Task, other: Task, view: View, wasAway: WasAway): void {
  if (!holdsNode(other) && !(other.desired === 'running' && !isTerminal(other.status.state))) return;
  const node = other.nodeId === undefined ? undefined : view.get('node', other.nodeId);
  const lost = other.nodeId !== undefined && (!node || node.state === 'down');
  if (lost || (other.nodeId !== undefined && wasAway(other.nodeId))) return;
  const hostPorts = view.get('revision', born.revisionId)?.ports.some(({ mode }) => mode === 'host') ?? false;
  const moves = view.get('service', born.serviceId)?.moves?.tasks.includes(other.id) ?? false;
  const rollsOver = other.revisionId !== born.revisionId || node?.availability === 'drain' || moves;
  if (rollsOver && other.desired === 'running' && !hostPorts) return;
  throw new Broken(
    `task ${born.id} was made for place ${born.slot} of ${born.serviceId} while ${other.id} (${other.status.state}, ` +
      `desired ${other.desired}) was there`,
  );
}

function checkDeath(task: Task, view: View, wasAway: WasAway): void {
  if (task.desired === 'running' && task.nodeId !== undefined && view.get('node', task.nodeId))
    throw new Broken(`task ${task.id} was deleted while it should run`);
  if (isTerminal(task.status.state) || task.nodeId === undefined) return;
  const node = view.get('node', task.nodeId);
  if (node && node.state !== 'down' && !wasAway(node.id))
    throw new Broken(`task ${task.id} was deleted while ${node.name} still held it (${task.status.state})`);
}
