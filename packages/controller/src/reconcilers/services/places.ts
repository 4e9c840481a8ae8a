import { meets, parseConstraint } from '@gantry/model/constraint';
import { isFenced, surelyStoppedAfterMs } from '@gantry/model/fence';
import type { Node } from '@gantry/model/node';
import type { Revision, Service } from '@gantry/model/service';
import { boundTo, isTerminal, type Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import type { View } from '../../store/store.ts';
import type { Settings } from '../reconciler.ts';

/** A place that a task fills: a slot of a replicated service, a node of a global one. */
export interface Place {
  /** The slot's number, or the node's id. */
  readonly key: string;
  readonly slot: number;
  /** Given for a global service: its tasks are born with their node. */
  readonly node?: Node;
  /** A new task may be made here now. A cordoned or silent host keeps the task it has and gets no new one. */
  readonly fillable: boolean;
  readonly tasks: readonly Task[];
}

/** The places that should be filled, each with its tasks, and the tasks that fill none. */
export function placesOf(
  view: View,
  service: Service,
): { readonly wanted: readonly Place[]; readonly extra: readonly Task[] } {
  const byPlace = new Map<string, Task[]>();
  for (const task of view.tasksOfService(service.id)) {
    const key = keyOf(task);
    const tasks = byPlace.get(key);
    if (tasks) tasks.push(task);
    else byPlace.set(key, [task]);
  }
  const wanted = wantedPlaces(view, service).map((place) => {
    const tasks = byPlace.get(place.key) ?? [];
    byPlace.delete(place.key);
    return { ...place, tasks };
  });
  return { wanted, extra: [...byPlace.values()].flat() };
}

function keyOf(task: Task): string {
  return task.slot === 0 ? (boundTo(task) ?? '') : String(task.slot);
}

/** Slots are 1 to n and stable: scaling down takes the highest ones. */
function wantedPlaces(view: View, service: Service): readonly Omit<Place, 'tasks'>[] {
  const { mode } = service.spec;
  if (mode.kind === 'replicated') {
    return Array.from({ length: mode.replicas }, (_, index) => ({
      key: String(index + 1),
      slot: index + 1,
      fillable: true,
    }));
  }
  const revision = view.get('revision', targetRevision(service));
  return [...view.all('node')]
    .filter((node) => revision !== undefined && belongsOn(node, revision))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((node) => ({ key: node.id, slot: 0, node, fillable: mayFill(node) }));
}

function belongsOn(node: Node, revision: Revision): boolean {
  if (node.availability === 'drain' || node.state === 'down') return false;
  const constraints = revision.constraints.map(parseConstraint);
  return constraints.every((constraint) => typeof constraint !== 'string' && meets(node, constraint));
}

function mayFill(node: Node): boolean {
  return node.state === 'ready' && node.availability === 'active' && node.subnet !== undefined;
}

/** Wanted and not ended. */
export function isLive(task: Task): boolean {
  return task.desired === 'running' && !isTerminal(task.status.state);
}

/** True if the task's host is down or gone, nobody can say that it still runs; or the one host is gone that it waits for. */
export function isLost(view: View, task: Task): boolean {
  if (isTerminal(task.status.state)) return false;
  if (task.nodeId === undefined) return task.only !== undefined && !view.get('node', task.only);
  const node = view.get('node', task.nodeId);
  return !node || node.state === 'down';
}

/** Told to stop or to make way, and its host can still say that it has, or may run it unseen: its place is not free yet. */
export function isStopping(view: View, task: Task, settings: Pick<Settings, 'fenceMs'>): boolean {
  if (isTerminal(task.status.state) || task.nodeId === undefined) return false;
  if (mayRunUnseen(view, task, settings)) return true;
  return (task.desired !== 'running' || task.makesWay !== undefined) && !isLost(view, task);
}

/**
 * True for a task that must never run twice while its host cannot be heard and may still run it. It may not once the host has
 * been unheard for longer than it lets the task live; but it must have been told to stop before, so that a host that comes
 * back hears nothing else.
 */
export function mayRunUnseen(view: View, task: Task, { fenceMs }: Pick<Settings, 'fenceMs'>): boolean {
  if (!isLost(view, task)) return false;
  const [node, revision] = [view.get('node', task.nodeId ?? ''), view.get('revision', task.revisionId)];
  if (!node || !revision || !isFenced(revision)) return false;
  const { stopGraceMs } = revision.container;
  return task.desired === 'running' || (node.unheardMs ?? 0) < surelyStoppedAfterMs(fenceMs, stopGraceMs);
}

/** Ended by themselves, and not answered by a new task yet. */
export function unanswered(tasks: readonly Task[]): readonly Task[] {
  return tasks.filter((task) => task.desired === 'running' && isTerminal(task.status.state));
}

/** The newest task that ended by itself and was not replaced yet. */
export function newestEnded(tasks: readonly Task[]): Task | undefined {
  return [...unanswered(tasks)].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))[0];
}
