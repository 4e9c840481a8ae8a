import { isMoving } from '@gantry/model/moves';
import { isTerminal, type Task } from '@gantry/model/task';
import type { RevisionId } from '@gantry/model/ids';
import type { View } from '../../store/store.ts';
import { isLive, isLost, isStopping, newestEnded, unanswered, type Place } from './places.ts';
import { restartOf, type Restart } from './restart.ts';
import { watchedAt, type Rollout } from './rollout.ts';

/** What should become of one place. */
export interface PlaceStep {
  /** Tasks that should stop, or whose end is answered. */
  readonly stop: readonly Task[];
  /** A new task is wanted here now, of this revision. */
  readonly create?: RevisionId;
  readonly restart?: Restart & { kind: 'at' };
  /** This place is being rolled over. */
  readonly rolling: boolean;
  /** Its new task has failed before: it is tried again. */
  readonly failed: boolean;
  /** A ready task that should make way for a new one of `wanted`, when the turn comes to this place. */
  readonly candidate?: Task;
  /** A ready task that the new one, which found no host, waits for: its room may be what is missing. */
  readonly inTheWay?: Task;
  /** The revision that this place should run now. */
  readonly wanted: RevisionId;
  /** The wanted task here: `none`; `waiting`, no host fits; `coming`; `ready`. */
  readonly current: 'none' | 'waiting' | 'coming' | 'ready';
  /** When a ready task that is being watched will have been watched, ms since the epoch. */
  readonly watchedAt?: number;
  /** The watch of this task begins now, or (not ready any more) must begin anew. */
  readonly watch?: Task;
  /** It is as the service asks: `yes`; `waiting`, but for a host that fits; `no`. */
  readonly arrived: 'yes' | 'waiting' | 'no';
}

/** Decides one place by itself; who may roll over next is decided by the caller over all places. */
export function stepOf(view: View, rollout: Rollout, place: Place): PlaceStep {
  const lost = place.tasks.filter(
    (task) => task.desired === 'running' && (isLost(view, task) || mustMakeWay(task)),
  );
  const live = place.tasks.filter((task) => isLive(task) && !lost.includes(task));
  const wanted = revisionOf(rollout, place, live);
  const failed = rollout.active && rollout.service.update?.failed.includes(place.key) === true;
  const idle: PlaceStep = { stop: lost, rolling: false, failed, current: 'none', arrived: 'no', wanted };
  const current = live.filter((task) => isCurrent(view, rollout, wanted, task));
  const old = live.filter((task) => !current.includes(task));
  const [keep, ...doubled] = [...current].sort(bestFirst);
  if (keep) {
    // Ends in this place are history once a task is there.
    const others = [...lost, ...doubled, ...unanswered(place.tasks)];
    return rolledTo(view, rollout, { place, keep, old, others }, idle);
  }
  if (old.length > 0) return makingWay(view, rollout, place, old, idle);
  return empty(view, rollout, place, idle);
}

/**
 * The revision that a place should run now: the target, but the last good one while the update may not reach it, so that
 * a crash or a lost host meanwhile does not let an unproven revision take over.
 */
function revisionOf(rollout: Rollout, place: Place, live: readonly Task[]): RevisionId {
  const { active, stable, target, held, cautious, service } = rollout;
  if (!active || stable === undefined) return target;
  const [best] = [...live].sort(bestFirst);
  if (live.some(({ revisionId }) => revisionId === target)) return target;
  if (held) return best?.revisionId ?? stable;
  if (best?.status.ready) return target;
  const last =
    best ?? [...place.tasks].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))[0];
  // Told to stop: it has made way for the target.
  if (last && (last.desired !== 'running' || last.revisionId !== stable)) return target;
  const looping = (service.restarts[place.key]?.count ?? 0) > 1;
  return cautious && !looping ? stable : target;
}

interface Rolled {
  readonly place: Place;
  readonly keep: Task;
  readonly old: readonly Task[];
  readonly others: readonly Task[];
}

/** A current task is there: once it is ready, and watched if it is of a new revision, the old ones go. */
function rolledTo(
  view: View,
  rollout: Rollout,
  { place, keep, old, others }: Rolled,
  idle: PlaceStep,
): PlaceStep {
  const { now, active, target } = rollout;
  const serving = old.filter(({ status }) => status.ready);
  const useless = old.filter(({ status }) => !status.ready);
  const watched = watchedAt(rollout, keep);
  const moved = serving.every(({ revisionId }) => revisionId === keep.revisionId);
  const isWatched = now >= watched || keep.revisionId !== target;
  const done = serving.length === 0 || (keep.status.ready && (isWatched || moved));
  const current = phaseOf(view, rollout, place, keep);
  // For the sake of balance nothing ready is stopped.
  const [inTheWay] = current === 'waiting' ? serving.filter((task) => !shouldMove(rollout, task)) : [];
  const marks = active && keep.revisionId === target && keep.status.ready !== (keep.readySince !== undefined);
  const began = marks && keep.status.ready ? now + rollout.policy.monitorMs : watched;
  const arrives = old.length === 0 && keep.revisionId === target;
  return {
    ...idle,
    stop: done ? [...others, ...old] : [...others, ...useless],
    rolling: !done,
    current,
    arrived: arrives ? arrivalOf(current, isWatched) : 'no',
    ...(keep.status.ready && now < began && began !== Infinity && { watchedAt: began }),
    ...(marks && { watch: keep }),
    ...(inTheWay && { inTheWay }),
  };
}

function arrivalOf(current: PlaceStep['current'], watched: boolean): PlaceStep['arrived'] {
  if (current === 'ready') return watched ? 'yes' : 'no';
  return current === 'waiting' ? 'waiting' : 'no';
}

/** A task that no host took waits, unless a stopping one is just about to make room. */
function phaseOf(view: View, { settings }: Rollout, place: Place, task: Task): PlaceStep['current'] {
  if (task.status.ready) return 'ready';
  const refused = task.nodeId === undefined && task.status.state === 'pending';
  return refused && !place.tasks.some((other) => isStopping(view, other, settings)) ? 'waiting' : 'coming';
}

/** Only old tasks are there. One that is not ready protects nothing; a ready one waits for its turn. */
function makingWay(
  view: View,
  rollout: Rollout,
  place: Place,
  old: readonly Task[],
  idle: PlaceStep,
): PlaceStep {
  const useless = old.filter((task) => !task.status.ready);
  const step = { ...idle, stop: [...idle.stop, ...useless] };
  const candidate = old.find((task) => task.status.ready);
  if (!candidate || !place.fillable) return step;
  // Two in a place for a while, never more: one that an earlier change let go must be gone.
  if (useless.length > 0 || place.tasks.some((task) => isStopping(view, task, rollout.settings)))
    return { ...step, rolling: true };
  // A new task of this place has failed: the old one stays, and the place is tried again after the back-off.
  const ended = newestEnded(place.tasks);
  if (ended?.revisionId !== step.wanted) return { ...step, candidate };
  const restart = restartOf(rollout.service, place.key, ended, step.wanted, rollout.now);
  if (restart.kind === 'never') return { ...step, rolling: true };
  if (rollout.now < restart.at) return { ...step, restart, rolling: true };
  return rollout.stopFirst
    ? { ...step, candidate }
    : { ...step, restart, rolling: true, create: step.wanted };
}

/** Nothing live is there: fill it, unless something still has to end or the restart policy says wait. */
function empty(view: View, rollout: Rollout, place: Place, idle: PlaceStep): PlaceStep {
  if (!place.fillable) return { ...idle, arrived: 'yes' };
  if (place.tasks.some((task) => isStopping(view, task, rollout.settings))) return { ...idle, rolling: true };
  const ended = newestEnded(place.tasks);
  const restart = ended && restartOf(rollout.service, place.key, ended, idle.wanted, rollout.now);
  if (!restart) return { ...idle, create: idle.wanted };
  if (restart.kind === 'never') return { ...idle, arrived: ended.status.state === 'complete' ? 'yes' : 'no' };
  return { ...idle, restart, ...(rollout.now >= restart.at && { create: idle.wanted }) };
}

/** One of higher priority needs its room. */
function mustMakeWay({ makesWay, status }: Task): boolean {
  return makesWay !== undefined && !isTerminal(status.state);
}

/** Runs what the place should run now, and where it may stay. */
function isCurrent(view: View, rollout: Rollout, wanted: RevisionId, task: Task): boolean {
  if (task.revisionId !== wanted || shouldMove(rollout, task)) return false;
  return task.nodeId === undefined || view.get('node', task.nodeId)?.availability !== 'drain';
}

function bestFirst(a: Task, b: Task): number {
  if (a.status.ready !== b.status.ready) return a.status.ready ? -1 : 1;
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

/** It should move for the sake of balance: only where another can be ready first. */
function shouldMove({ service, stopFirst, now }: Rollout, { id }: Task): boolean {
  return !stopFirst && isMoving(service.moves, id, now);
}
