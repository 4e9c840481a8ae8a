import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import type { View } from '../../store/store.ts';
import { isLive, isLost, type Place } from './places.ts';
import { restartOf, type Restart } from './restart.ts';

/** What should become of one place. */
export interface PlaceStep {
  /** Tasks that should stop. */
  readonly stop: readonly Task[];
  /** A new task is wanted here now. */
  readonly create: boolean;
  readonly restart?: Restart & { kind: 'at' };
  /** This place is being rolled over: no other begins meanwhile. */
  readonly rolling: boolean;
  /** A ready task should make way for a new one; done for one place at a time. */
  readonly candidate: boolean;
}

/** Decides one place by itself; who may roll over next is decided by the caller over all places. */
export function stepOf(view: View, service: Service, place: Place, now: number): PlaceStep {
  const lost = place.tasks.filter((task) => task.desired === 'running' && isLost(view, task));
  const live = place.tasks.filter((task) => isLive(task) && !lost.includes(task));
  const current = live.filter((task) => isCurrent(view, service, task));
  const old = live.filter((task) => !current.includes(task));
  const [keep, ...doubled] = [...current].sort(bestFirst);
  if (keep) return rolledTo(keep, old, [...lost, ...doubled]);
  const ended = newestEnded(place.tasks);
  if (old.length > 0) return makingWay(service, place, old, lost, ended, now);
  return empty(view, service, place, lost, ended, now);
}

/** A current task is there: once it is ready the old ones go. */
function rolledTo(keep: Task, old: readonly Task[], others: readonly Task[]): PlaceStep {
  const done = keep.status.ready || old.every((task) => !task.status.ready);
  return { stop: done ? [...others, ...old] : others, create: false, rolling: !done, candidate: false };
}

/** Only old tasks are there. One that is not ready protects nothing; a ready one waits for its turn. */
function makingWay(
  service: Service,
  place: Place,
  old: readonly Task[],
  lost: readonly Task[],
  ended: Task | undefined,
  now: number,
): PlaceStep {
  const useless = old.filter((task) => !task.status.ready);
  const stop = [...lost, ...useless];
  if (useless.length === old.length) return { stop, create: false, rolling: false, candidate: false };
  // A new task of this place has failed: the old one stays, and the place is tried again after the back-off.
  const restart =
    ended && ended.revisionId === service.revisionId ? restartOf(service, place.key, ended, now) : undefined;
  if (restart?.kind === 'never') return { stop, create: false, rolling: true, candidate: false };
  if (restart?.kind === 'at')
    return { stop, create: now >= restart.at, restart, rolling: true, candidate: false };
  return { stop, create: false, rolling: false, candidate: true };
}

/** Nothing live is there: fill it, unless something still has to end or the restart policy says wait. */
function empty(
  view: View,
  service: Service,
  place: Place,
  lost: readonly Task[],
  ended: Task | undefined,
  now: number,
): PlaceStep {
  const stopping = place.tasks.some((task) => isStopping(view, task));
  if (stopping) return { stop: lost, create: false, rolling: true, candidate: false };
  const step = { stop: lost, rolling: false, candidate: false };
  const restart = ended && restartOf(service, place.key, ended, now);
  if (!restart) return { ...step, create: true };
  if (restart.kind === 'never') return { ...step, create: false };
  return { ...step, create: now >= restart.at, restart };
}

/** Told to stop, and its host can still say that it has. */
function isStopping(view: View, task: Task): boolean {
  if (task.desired === 'running' || isTerminal(task.status.state) || task.nodeId === undefined) return false;
  return !isLost(view, task);
}

/** Runs what the service asks for now, and where it may stay. */
function isCurrent(view: View, service: Service, task: Task): boolean {
  if (task.revisionId !== service.revisionId) return false;
  return task.nodeId === undefined || view.get('node', task.nodeId)?.availability !== 'drain';
}

/** The newest task that ended by itself and was not replaced yet. */
function newestEnded(tasks: readonly Task[]): Task | undefined {
  const ended = tasks.filter((task) => task.desired === 'running' && isTerminal(task.status.state));
  return ended.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))[0];
}

function bestFirst(a: Task, b: Task): number {
  if (a.status.ready !== b.status.ready) return a.status.ready ? -1 : 1;
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
