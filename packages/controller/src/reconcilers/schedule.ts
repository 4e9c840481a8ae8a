import { placedOn, type Task } from '@gantry/model/task';
import { clusterOf } from '../scheduler/cluster.ts';
import { placeWaiting } from '../scheduler/place.ts';
import type { Write } from '../store/store.ts';
import type { Reconciler } from './reconciler.ts';

/** Placements of one decision: what one commit carries; the rest follows on the outcome. */
const maxPlacements = 119;

/** Said once, for it is the answer to every change. */
const all = ['all'] as const;
const none = [] as const;

/**
 * Gives waiting tasks a node. One question for the whole cluster, because placements compete: tasks of the same revision
 * are placed together.
 */
export const schedule: Reconciler<'all'> = {
  name: 'schedule',

  *keys(view) {
    view.derived(clusterOf);
    yield 'all';
  },

  keysOf(change) {
    if (change.kind !== 'task') return all;
    // A task that waits, a task that ended or left (room), a node that changed.
    const { before, after } = change;
    return after === undefined || waits(after) || ended(before, after) ? all : none;
  },

  decide(view, _key, env) {
    const { placed, refused, more } = placeWaiting(view.derived(clusterOf), maxPlacements);
    const writes: Write[] = [];
    for (const { task, node } of placed) {
      const status = {
        ...task.status,
        state: 'assigned',
        at: env.now,
        reason: `placed on ${node.name}`,
      } as const;
      writes.push({ op: 'put', object: placedOn(task, node.id, status) });
    }
    for (const { task, reason } of refused) {
      const status = { ...task.status, state: 'pending', at: env.now, reason } as const;
      writes.push({ op: 'put', object: { ...task, status } });
    }
    return { writes, ...(more && { more }) };
  },
};

function waits(task: Task): boolean {
  return task.nodeId === undefined;
}

function ended(before: Task | undefined, after: Task): boolean {
  return before?.status.state !== after.status.state || before.nodeId !== after.nodeId;
}
