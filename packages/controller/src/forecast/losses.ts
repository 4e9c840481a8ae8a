import type { Node } from '@gantry/model/node';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { clusterOf } from '../scheduler/cluster.ts';
import { placeWaiting } from '../scheduler/place.ts';
import type { View } from '../store/store.ts';
import type { Sketch } from './sketch.ts';

/** What would find no host any more if one host died. */
export interface Loss {
  readonly node: string;
  readonly unfit: readonly Unfit[];
}

export interface Unfit {
  /** `stack/service` */
  readonly service: string;
  readonly tasks: number;
  /** Why the other hosts do not take them. */
  readonly reason: string;
}

/** Tasks placed anew for one lost host, at most. */
const mostTasks = 10_000;

/**
 * For each host that tasks run on: the tasks that no other host would take, by the real scheduler. The sketch is as it was
 * afterwards. Yields after each host.
 */
export function* lossesOf(sketch: Sketch): Generator<void, readonly Loss[]> {
  const losses: Loss[] = [];
  const nodes = [...sketch.view.all('node')].filter(({ state }) => state === 'ready');
  for (const node of nodes.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const unfit = withoutNode(sketch, node);
    if (unfit.length > 0) losses.push({ node: node.name, unfit });
    yield;
  }
  return losses;
}

function withoutNode(sketch: Sketch, node: Node): readonly Unfit[] {
  const { view } = sketch;
  const lost = [...view.tasksOnNode(node.id)].filter((task) => isReplaced(view, task));
  if (lost.length === 0) return [];
  const waitedBefore = new Set([...view.unplacedTasks()].map(({ id }) => id));
  sketch.put({ ...node, state: 'down' });
  const made = lost.map((task) => again(task));
  for (const task of made) sketch.put(task);
  const { refused } = placeWaiting(view.derived(clusterOf), mostTasks, Infinity);
  const unfit = counted(
    view,
    refused.filter(({ task }) => !waitedBefore.has(task.id)),
  );
  for (const { id } of made) sketch.delete('task', id);
  sketch.put(node);
  return unfit;
}

/** A task of a global service belongs to its host, and one of a job that is over is not made again. */
function isReplaced(view: View, { desired, status, slot }: Task): boolean {
  return desired === 'running' && slot > 0 && !isTerminal(status.state);
}

function again({ nodeId: _node, readySince: _ready, ...task }: Task): Task {
  const status = { state: 'new', at: task.status.at, reason: 'waiting for a place', ready: false } as const;
  return { ...task, id: `${task.id}~`, status };
}

function counted(
  view: View,
  refused: readonly { readonly task: Task; readonly reason: string }[],
): readonly Unfit[] {
  const byService = new Map<string, { count: number; reason: string }>();
  for (const { task, reason } of refused) {
    const known = byService.get(task.serviceId);
    if (known) known.count++;
    else byService.set(task.serviceId, { count: 1, reason });
  }
  return [...byService].map(([id, { count, reason }]) => ({
    service: nameOf(view.get('service', id)),
    tasks: count,
    reason,
  }));
}

function nameOf(service: Service | undefined): string {
  return service ? `${service.spec.stack}/${service.spec.name}` : '';
}
