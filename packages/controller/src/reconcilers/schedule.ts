import type { Revision } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import { loadOf, requirementOf } from '../scheduler/loads.ts';
import { place } from '../scheduler/place.ts';
import type { View, Write } from '../store/store.ts';
import { nothing, type Reconciler } from './reconciler.ts';

/** Placements of one decision: what one commit carries; the rest follows on the outcome. */
const maxPlacements = 100;

/** Hosts whose reasons are written out; a task's record must stay small in a cluster of thousands. */
const maxReasons = 8;

/**
 * Gives waiting tasks a node. One question for the whole cluster, because placements compete: tasks of the same revision
 * are placed together.
 */
export const schedule: Reconciler<'all'> = {
  name: 'schedule',

  keys: () => ['all'],

  *keysOf(change) {
    // A task that waits, a task that ended or left (room), a node that changed.
    if (change.kind === 'task') {
      if (change.after === undefined || waits(change.after) || ended(change.before, change.after))
        yield 'all';
    } else if (change.kind !== 'service') yield 'all';
  },

  decide(view, _key, env) {
    const groups = grouped(view);
    if (groups.size === 0) return nothing;
    const revisionOf = (id: string): Revision | undefined => view.get('revision', id);
    const loads = [...view.all('node')].map((node) => loadOf(node, view.tasksOnNode(node.id), revisionOf));
    const writes: Write[] = [];
    for (const [revisionId, tasks] of groups) {
      const revision = revisionOf(revisionId);
      if (!revision || writes.length >= maxPlacements) continue;
      const room = tasks.slice(0, maxPlacements - writes.length);
      const { nodes, refusals } = place(requirementOf(revision), room.length, loads);
      room.forEach((task, index) => {
        const load = nodes[index];
        const write = load
          ? assigned(task, load.node.id, load.node.name, env.now)
          : refused(task, refusals, env.now);
        if (write) writes.push(write);
      });
    }
    return { writes };
  },
};

/** Waiting tasks by revision, the oldest first. */
function grouped(view: View): ReadonlyMap<string, Task[]> {
  const waiting = [...view.unplacedTasks()].sort(
    (a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1),
  );
  const groups = new Map<string, Task[]>();
  for (const task of waiting) {
    const group = groups.get(task.revisionId);
    if (group) group.push(task);
    else groups.set(task.revisionId, [task]);
  }
  return groups;
}

function assigned(task: Task, nodeId: string, nodeName: string, now: number): Write {
  const status = { ...task.status, state: 'assigned', at: now, reason: `placed on ${nodeName}` } as const;
  return { op: 'put', object: { ...task, nodeId, status } };
}

/** The reason why a task waits is written when it changes, not each time it is asked again. */
function refused(task: Task, refusals: readonly string[], now: number): Write | undefined {
  const reason = refusals.length === 0 ? 'no host has joined yet' : `no host fits: ${listed(refusals)}`;
  if (task.status.state === 'pending' && task.status.reason === reason) return undefined;
  return { op: 'put', object: { ...task, status: { ...task.status, state: 'pending', at: now, reason } } };
}

function listed(refusals: readonly string[]): string {
  const more = refusals.length - maxReasons;
  return [...refusals.slice(0, maxReasons), ...(more > 0 ? [`and ${more} more hosts do not fit`] : [])].join(
    '; ',
  );
}

function waits(task: Task): boolean {
  return task.nodeId === undefined;
}

function ended(before: Task | undefined, after: Task): boolean {
  return before?.status.state !== after.status.state || before.nodeId !== after.nodeId;
}
