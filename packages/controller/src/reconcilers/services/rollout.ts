import { isFenced } from '@gantry/model/fence';
import type { RevisionId } from '@gantry/model/ids';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import {
  defaultRollback,
  defaultUpdate,
  mustStopFirst,
  targetRevision,
  type UpdatePolicy,
  type UpdateStatus,
} from '@gantry/model/update';
import type { View } from '../../store/store.ts';
import type { Env, Settings } from '../reconciler.ts';

/** Where a service is going, as one decision sees it. */
export interface Rollout {
  /** With its `update` as it is now to be. */
  readonly service: Service;
  readonly target: RevisionId;
  /** The last good revision: what a place that the update has not reached runs. Absent if there is none but the target. */
  readonly stable?: RevisionId;
  readonly policy: UpdatePolicy;
  /** An update is under way. */
  readonly active: boolean;
  /** No place may begin: a person or a failure has stopped the way. */
  readonly held: boolean;
  /** A first place has run the target for the time to monitor: others may follow. */
  readonly proven: boolean;
  /** The revision is not proven and the last good one serves: what it does not run yet stays with that one. */
  readonly cautious: boolean;
  readonly stopFirst: boolean;
  readonly now: number;
  readonly settings: Pick<Settings, 'fenceMs'>;
}

export function rolloutOf(
  view: View,
  service: Service,
  update: UpdateStatus | undefined,
  { now, settings }: Pick<Env, 'now' | 'settings'>,
): Rollout {
  const current: Service = update ? { ...service, update } : service;
  const target = targetRevision(current);
  const policy = policyOf(service, update);
  const active = update !== undefined && update.state !== 'done';
  const stable = update?.stable;
  const rollout: Rollout = {
    service: current,
    target,
    ...(stable !== undefined && stable !== target && view.get('revision', stable) && { stable }),
    policy,
    active,
    held: update?.state === 'paused' || service.hold?.paused === true,
    proven: true,
    cautious: false,
    stopFirst:
      isGuarded(view, service, target) ||
      [service.spec, view.get('revision', target)].some(
        (version) => version && mustStopFirst(version, policy.order),
      ),
    now,
    settings,
  };
  const proven = !active || update.back || isProven(view, rollout);
  return { ...rollout, proven, cautious: !proven && isServing(view, rollout) };
}

/** Tasks that must never run twice are here, or will be. The target alone does not say: an update away from them may be held. */
function isGuarded(view: View, service: Service, target: RevisionId): boolean {
  const guarded = [...view.revisionsOfService(service.id)].filter(isFenced).map(({ id }) => id);
  if (guarded.length === 0) return false;
  if (guarded.includes(target)) return true;
  for (const { revisionId, status } of view.tasksOfService(service.id))
    if (!isTerminal(status.state) && guarded.includes(revisionId)) return true;
  return false;
}

export function policyOf({ spec }: Service, update: UpdateStatus | undefined): UpdatePolicy {
  return update?.back ? (spec.rollback ?? defaultRollback) : (spec.update ?? defaultUpdate);
}

/** When the task will have been watched: it was ready, and stayed so, for the time to monitor; Infinity if not begun. */
export function watchedAt({ active, policy }: Rollout, task: Task): number {
  if (!active) return task.createdAt + policy.monitorMs;
  return (task.readySince ?? Infinity) + policy.monitorMs;
}

/** When the next place may begin: the delay after the newest task that was watched. */
export function nextBeginAt(view: View, rollout: Rollout): number {
  const { service, target, policy } = rollout;
  if (!rollout.active || policy.delayMs === 0) return 0;
  let at = 0;
  for (const { revisionId, readySince } of view.tasksOfService(service.id))
    if (revisionId === target) at = Math.max(at, (readySince ?? 0) + policy.monitorMs + policy.delayMs);
  return at;
}

function isProven(view: View, rollout: Rollout): boolean {
  for (const task of view.tasksOfService(rollout.service.id)) {
    if (task.revisionId !== rollout.target || task.desired !== 'running' || !task.status.ready) continue;
    if (watchedAt(rollout, task) <= rollout.now) return true;
  }
  return false;
}

function isServing(view: View, { service, stable }: Rollout): boolean {
  for (const { revisionId, desired, status } of view.tasksOfService(service.id))
    if (revisionId === stable && desired === 'running' && status.ready) return true;
  return false;
}
