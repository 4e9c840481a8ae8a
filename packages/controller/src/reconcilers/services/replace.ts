import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import type { View } from '../../store/store.ts';
import { isLive, isLost, isStopping, type Place } from './places.ts';
import { restartOf, type Restart } from './restart.ts';

/** A task of a new revision must live this long before its predecessor goes, ms (product default). */
export const watchMs = 5_000;

/** What should become of one place. */
export interface PlaceStep {
  /** Tasks that should stop. */
  readonly stop: readonly Task[];
  /** A new task is wanted here now. */
  readonly create: boolean;
  readonly restart?: Restart & { kind: 'at' };
  /** This place is being rolled over: no other begins meanwhile. */
  readonly rolling: boolean;
  /** A ready task that should make way for a new one, when the turn comes to this place. */
  readonly candidate?: Task;
  /** A ready task that the new one, which found no host, waits for: its room may be what is missing. */
  readonly inTheWay?: Task;
  /**
   * The wanted task here: `none`; `waiting`, no host fits; `coming`; `ready`.
   */
  readonly current: 'none' | 'waiting' | 'coming' | 'ready';
  /** When a young ready task will have lived for `watchMs`, ms since the epoch. */
  readonly watchedAt?: number;
}

const idle: PlaceStep = { stop: [], create: false, rolling: false, current: 'none' };

/** Decides one place by itself; who may roll over next is decided by the caller over all places. */
export function stepOf(view: View, service: Service, place: Place, now: number): PlaceStep {
  const lost = place.tasks.filter((task) => task.desired === 'running' && isLost(view, task));
  const live = place.tasks.filter((task) => isLive(task) && !lost.includes(task));
  const current = live.filter((task) => isCurrent(view, service, task));
  const old = live.filter((task) => !current.includes(task));
  const [keep, ...doubled] = [...current].sort(bestFirst);
  if (keep) return rolledTo(view, place, keep, old, [...lost, ...doubled], now);
  if (old.length > 0) return makingWay(service, place, old, lost, now);
  return empty(view, service, place, lost, now);
}

/** A current task is there: once it is ready, and watched if it is of a new revision, the old ones go. */
function rolledTo(
  view: View,
  place: Place,
  keep: Task,
  old: readonly Task[],
  others: readonly Task[],
  now: number,
): PlaceStep {
  const serving = old.filter(({ status }) => status.ready);
  const useless = old.filter(({ status }) => !status.ready);
  const watchedAt = keep.createdAt + watchMs;
  const watched = now >= watchedAt || serving.every(({ revisionId }) => revisionId === keep.revisionId);
  const done = serving.length === 0 || (keep.status.ready && watched);
  const current = phaseOf(view, place, keep);
  const [inTheWay] = current === 'waiting' ? serving : [];
  return {
    ...idle,
    stop: done ? [...others, ...old] : [...others, ...useless],
    rolling: !done,
    current,
    ...(keep.status.ready && now < watchedAt && { watchedAt }),
    ...(inTheWay && { inTheWay }),
  };
}

/** A task that no host took waits, unless a stopping one is just about to make room. */
function phaseOf(view: View, place: Place, task: Task): PlaceStep['current'] {
  if (task.status.ready) return 'ready';
  const refused = task.nodeId === undefined && task.status.state === 'pending';
  return refused && !place.tasks.some((other) => isStopping(view, other)) ? 'waiting' : 'coming';
}

/** Only old tasks are there. One that is not ready protects nothing; a ready one waits for its turn. */
function makingWay(
  service: Service,
  place: Place,
  old: readonly Task[],
  lost: readonly Task[],
  now: number,
): PlaceStep {
  const useless = old.filter((task) => !task.status.ready);
  const step = { ...idle, stop: [...lost, ...useless] };
  const candidate = old.find((task) => task.status.ready);
  if (!candidate || !place.fillable) return step;
  // A new task of this place has failed: the old one stays, and the place is tried again after the back-off.
  const ended = newestEnded(place.tasks);
  if (ended?.revisionId !== service.revisionId) return { ...step, candidate };
  const restart = restartOf(service, place.key, ended, now);
  if (restart.kind === 'never') return { ...step, rolling: true };
  return { ...step, create: now >= restart.at, restart, rolling: true };
}

/** Nothing live is there: fill it, unless something still has to end or the restart policy says wait. */
function empty(view: View, service: Service, place: Place, lost: readonly Task[], now: number): PlaceStep {
  const step = { ...idle, stop: lost };
  if (!place.fillable) return step;
  if (place.tasks.some((task) => isStopping(view, task))) return { ...step, rolling: true };
  const ended = newestEnded(place.tasks);
  const restart = ended && restartOf(service, place.key, ended, now);
  if (!restart) return { ...step, create: true };
  if (restart.kind === 'never') return step;
  return { ...step, create: now >= restart.at, restart };
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
