import type { Node } from '@gantry/model/node';
import type { Revision, Service } from '@gantry/model/service';
import { boundTo, isTerminal, type Task } from '@gantry/model/task';
import type { Change, View, Write } from '../store/store.ts';
import type { Reconciler, Settings } from './reconciler.ts';
import { mayRunUnseen } from './services/places.ts';

/** Revisions kept for a rollback, besides those that tasks still run (product default). */
const keptRevisions = 10;

/** Deletes what is over: ended tasks beyond the history of their slot, and revisions that nothing needs. */
export const reap: Reconciler = {
  name: 'reap',

  *keys(view) {
    for (const { id } of view.all('service')) yield id;
    for (const { serviceId } of view.all('task')) yield serviceId;
  },

  *keysOf(change, view) {
    if (change.kind === 'service') yield change.id;
    else if (change.kind === 'node') {
      if (change.before && change.after && facing(change.before) === facing(change.after)) return;
      for (const { serviceId } of view.tasksOnNode(change.id)) yield serviceId;
    } else if (change.kind === 'task' || change.kind === 'revision') {
      if (change.kind === 'task' && goesOn(change)) return;
      const object = change.after ?? change.before;
      if (object) yield object.serviceId;
    }
  },

  decide(view, key, env) {
    const service = view.get('service', key);
    const tasks = [...view.tasksOfService(key)];
    const gone = goneTasks(view, tasks, env.settings);
    const left = tasks.filter((task) => !gone.has(task));
    const revisions =
      service && !service.removing ? unneeded(service, left, [...view.revisionsOfService(key)]) : [];
    const writes = [...gone, ...revisions].map(({ kind, id, version }): Write => ({
      op: 'delete',
      kind,
      id,
      version,
    }));
    return { writes };
  },
};

/** A step of a task that is there before and after and should run: nothing is over by it. */
function goesOn({ before, after }: Change & { readonly kind: 'task' }): boolean {
  return before?.desired === 'running' && after?.desired === 'running';
}

function goneTasks(view: View, tasks: readonly Task[], settings: Settings): ReadonlySet<Task> {
  const keep = settings.keepEndedTasks;
  const gone = new Set(tasks.filter((task) => isOver(view, task, settings)));
  const ended = tasks.filter(
    (task) => !gone.has(task) && task.desired === 'shutdown' && isTerminal(task.status.state),
  );
  const bySlot = new Map<string, number>();
  for (const task of ended.sort(newestFirst)) {
    const place = task.slot === 0 ? (boundTo(task) ?? '') : String(task.slot);
    const count = (bySlot.get(place) ?? 0) + 1;
    bySlot.set(place, count);
    if (count > keep) gone.add(task);
  }
  return gone;
}

/** True if nothing of the task is left anywhere, and nobody wants it kept. */
function isOver(view: View, task: Task, settings: Settings): boolean {
  if (task.desired === 'running') return false;
  if (task.nodeId === undefined) return true;
  const node = view.get('node', task.nodeId);
  if (!node) return true;
  if (task.desired !== 'remove') return false;
  // A host that is down cannot confirm; when it comes back, its complete set no longer has the task.
  if (isTerminal(task.status.state)) return true;
  return node.state === 'down' && !mayRunUnseen(view, task, settings);
}

/** What of a node decides about its tasks here. */
function facing({ state, unheardMs }: Node): string {
  return `${state} ${unheardMs ?? 0}`;
}

function unneeded(
  service: Service,
  tasks: readonly Task[],
  revisions: readonly Revision[],
): readonly Revision[] {
  const used = new Set([
    service.revisionId,
    service.update?.stable,
    ...tasks.map(({ revisionId }) => revisionId),
  ]);
  const newest = [...revisions].sort((a, b) => b.number - a.number).slice(0, keptRevisions);
  return revisions.filter((revision) => !used.has(revision.id) && !newest.includes(revision));
}

function newestFirst(a: Task, b: Task): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}
