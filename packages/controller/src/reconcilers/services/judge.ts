import type { RevisionId } from '@gantry/model/ids';
import type { Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import { targetRevision, type UpdatePolicy, type UpdateStatus } from '@gantry/model/update';
import type { View } from '../../store/store.ts';
import { isLive, isLost, newestEnded, type Place } from './places.ts';
import type { PlaceStep } from './replace.ts';
import { policyOf } from './rollout.ts';

/**
 * The update of the service as it begins: another revision is asked for than the one that it goes to, or went. Before the
 * first one is done there is none; then a revision that serves is the one to go back to.
 */
export function begun(view: View, service: Service, now: number): UpdateStatus | undefined {
  const { update, revisionId } = service;
  if (update?.to === revisionId) return resumed(service, update, now);
  const stable = update ? update.stable : servingInstead(view, service);
  if (!update && stable === undefined) return undefined;
  return {
    state: 'rolling',
    to: revisionId,
    ...(stable !== undefined && { stable }),
    back: false,
    startedAt: now,
    at: now,
    reason: `revision ${numberOf(view, revisionId)} is asked for`,
    // One that supersedes another on its way must give back what that one took.
    baseline: Math.max(readyCount(view, service), update?.state === 'done' ? 0 : (update?.baseline ?? 0)),
    failed: [],
  };
}

function servingInstead(view: View, { id, revisionId }: Service): RevisionId | undefined {
  for (const task of view.tasksOfService(id))
    if (task.revisionId !== revisionId && isLive(task) && task.status.ready) return task.revisionId;
  return undefined;
}

/** A person's word after the failure that paused it: what failed is forgiven, and tried again. */
function resumed({ hold }: Service, update: UpdateStatus, now: number): UpdateStatus {
  if (update.state !== 'paused' || !hold || hold.paused || hold.at <= update.at) return update;
  return { ...update, state: 'rolling', at: now, failed: [], reason: 'resumed by hand' };
}

/** Counts the places that failed, and takes the policy's action once they are too many, or hold up all for too long. */
export function judged(
  view: View,
  service: Service,
  update: UpdateStatus | undefined,
  places: readonly Place[],
  now: number,
): UpdateStatus | undefined {
  if (update?.state !== 'rolling') return update;
  const policy = policyOf(service, update);
  const failures = places.flatMap((place) => {
    const reason = update.failed.includes(place.key)
      ? undefined
      : failureOf(view, { ...service, update }, place, now);
    return reason === undefined ? [] : [{ place: place.key, reason }];
  });
  const [first] = failures;
  const failed = [...update.failed, ...failures.map(({ place }) => place)];
  const counted = first ? { ...update, failed } : update;
  if (first && failed.length / Math.max(1, places.length) > policy.maxFailureRatio)
    return acted(view, service, counted, first.reason, policy.failureAction, now);
  const stuck = places.find(({ key }) => failed.includes(key));
  if (!stuck || now < stuckAt({ ...service, update: counted }, places)) return counted;
  const reason = `${nameOf(service, stuck)} does not stay up`;
  return acted(view, service, counted, reason, policy.failureAction, now);
}

/** When an update on which places have failed has made no progress for its deadline. */
function stuckAt(service: Service & { update: UpdateStatus }, places: readonly Place[]): number {
  const { update } = service;
  const { monitorMs, deadlineMs } = policyOf(service, update);
  const target = targetRevision(service);
  const progress = places
    .flatMap(({ tasks }) => tasks)
    .filter(
      ({ revisionId, desired, status }) => revisionId === target && desired === 'running' && status.ready,
    )
    .map(({ readySince }) => readySince ?? 0);
  return Math.max(update.at, ...progress) + monitorMs + deadlineMs;
}

function acted(
  view: View,
  service: Service,
  update: UpdateStatus,
  reason: string,
  action: 'rollback' | 'pause' | 'continue',
  now: number,
): UpdateStatus {
  const failed = `revision ${numberOf(view, targetRevision({ ...service, update }))} failed: ${reason}`;
  if (action === 'pause') return { ...update, state: 'paused', at: now, reason: failed };
  const { stable } = update;
  const there = stable !== undefined && stable !== update.to && view.get('revision', stable);
  if (action === 'continue' || !there || update.back) return update;
  return { ...update, back: true, failed: [], at: now, reason: failed };
}

/** Why the new task of a place counts as failed, or undefined. */
function failureOf(
  view: View,
  service: Service & { update: UpdateStatus },
  place: Place,
  now: number,
): string | undefined {
  const { update } = service;
  const target = targetRevision(service);
  const policy = policyOf(service, update);
  const ended = newestEnded(place.tasks);
  if (ended?.revisionId === target && ended.createdAt >= update.at && hasFailed(ended, service)) {
    const watched = ended.readySince !== undefined && now >= ended.readySince + policy.monitorMs;
    if (!watched) return `${nameOf(service, place)}: ${ended.status.reason}`;
  }
  const late = place.tasks.find((task) => task.revisionId === target && now >= lateAt(task, update, policy));
  if (!late || !isMissed(view, service, place, late)) return undefined;
  return `${nameOf(service, place)} was not ready after ${Math.round(policy.deadlineMs / 1_000)} s: ${late.status.reason}`;
}

/** When a task that is not ready will be late; never for others. */
function lateAt(task: Task, update: UpdateStatus, { deadlineMs }: UpdatePolicy): number {
  return isLive(task) && !task.status.ready ? Math.max(task.createdAt, update.at) + deadlineMs : Infinity;
}

/** A place that had a ready task when the update began must have one again; one that never had any proves nothing. */
function isMissed(
  view: View,
  service: Service & { update: UpdateStatus },
  place: Place,
  late: Task,
): boolean {
  if (isLost(view, late)) return false;
  const covered = place.tasks.some((task) => task !== late && isLive(task) && task.status.ready);
  return covered || readyCount(view, service) < service.update.baseline;
}

function hasFailed({ status }: Task, { spec }: Service): boolean {
  if (status.state === 'complete') return spec.restart.condition === 'any';
  return status.state === 'failed' || status.state === 'rejected';
}

/** When a task that is still coming up will be late, for the places of an update that is under way. */
export function deadlineOf(service: Service, places: readonly Place[], now: number): number | undefined {
  const { update } = service;
  if (update?.state !== 'rolling') return undefined;
  const policy = policyOf(service, update);
  const late = places.flatMap(({ tasks }) => tasks).map((task) => lateAt(task, update, policy));
  const all = [...late, ...(update.failed.length > 0 ? [stuckAt({ ...service, update }, places)] : [])];
  const times = all.filter((at) => at > now && at !== Infinity);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The update once all places have arrived: then its revision is the one to go back to. */
export function finished(
  view: View,
  service: Service,
  update: UpdateStatus | undefined,
  steps: readonly PlaceStep[],
  now: number,
): UpdateStatus | undefined {
  if (update && update.state !== 'rolling') return update;
  const full = steps.every(({ arrived }) => arrived === 'yes');
  const ready = readyCount(view, service);
  const asFull =
    update !== undefined &&
    ready >= Math.min(update.baseline, steps.length) &&
    steps.every(({ arrived }) => arrived !== 'no');
  if (!full && !asFull) return update;
  const to = service.revisionId;
  const number = numberOf(view, to);
  const base = { startedAt: now, baseline: ready, back: false, reason: '', ...update };
  const reason = base.back ? base.reason : `revision ${number} is up`;
  const stable = base.back ? update?.stable : to;
  return { ...base, to, state: 'done', at: now, failed: [], reason, ...(stable !== undefined && { stable }) };
}

function readyCount(view: View, { id }: Service): number {
  let count = 0;
  for (const task of view.tasksOfService(id))
    if (isLive(task) && task.status.ready && !isLost(view, task)) count++;
  return count;
}

export function numberOf(view: View, revisionId: string): string {
  return String(view.get('revision', revisionId)?.number ?? '?');
}

function nameOf({ spec }: Service, { slot, node }: Place): string {
  return node ? `${spec.name} on ${node.name}` : `${spec.name}.${slot}`;
}
