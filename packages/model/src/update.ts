import type { RevisionId } from './ids.ts';
import { isWhole, type Problem } from './rules.ts';
import type { ServiceSpec } from './service.ts';
import type { VolumeMount } from './volume.ts';

/** How a service goes over to a new revision (`update`), or back to the last good one (`rollback`). */
export interface UpdatePolicy {
  /** Places that change at once; 0 means all. The first of an update goes alone, as a canary. */
  readonly parallelism: number;
  /** Pause after a place has been watched, before the next begins, ms. */
  readonly delayMs: number;
  /** `auto`: the new task first, unless something forbids it (a host port, a volume with one writer). */
  readonly order: 'auto' | 'start-first' | 'stop-first';
  /** A new task must stay ready this long before its predecessor goes and others follow, ms. */
  readonly monitorMs: number;
  /** Share of places, 0 to 1, whose new task may fail before `failureAction` is taken. */
  readonly maxFailureRatio: number;
  readonly failureAction: 'rollback' | 'pause' | 'continue';
  /** A new task that is not ready this long after it was made has failed, ms. */
  readonly deadlineMs: number;
}

export const defaultUpdate: UpdatePolicy = {
  parallelism: 1,
  delayMs: 0,
  order: 'auto',
  monitorMs: 5_000,
  maxFailureRatio: 0,
  failureAction: 'rollback',
  deadlineMs: 600_000,
};

/** The old revision is known to be good: it is not watched, and a failure on the way back never stops the way back. */
export const defaultRollback: UpdatePolicy = { ...defaultUpdate, monitorMs: 0, failureAction: 'continue' };

/** Where a service is on its way to its newest revision. Written by `reconcilers/services` only. */
export interface UpdateStatus {
  /** `rolling`: on the way; `paused`: stopped by a failure, waits for a person; `done`. */
  readonly state: 'rolling' | 'paused' | 'done';
  /** The revision that was asked for. */
  readonly to: RevisionId;
  /** The last revision that every place ran and held: what a rollback goes back to. Absent before there was one. */
  readonly stable?: RevisionId;
  /** True once it failed: the way leads back to `stable`. */
  readonly back: boolean;
  readonly startedAt: number;
  /** When `state` or `back` last changed, ms since the epoch. */
  readonly at: number;
  /** Why it is so: one sentence. */
  readonly reason: string;
  /** Tasks that were ready when it began: what it must not fall below. */
  readonly baseline: number;
  /** Places whose new task failed. */
  readonly failed: readonly string[];
}

/** A person's word on the way of a service: `gantry pause` and `gantry resume`. Written by `api` only. */
export interface Hold {
  readonly paused: boolean;
  /** ms since the epoch. */
  readonly at: number;
}

interface OnItsWay {
  readonly revisionId: RevisionId;
  readonly update?: UpdateStatus;
}

/** The revision that tasks should run now: the one asked for, or the last good one after a failure. */
export function targetRevision({ revisionId, update }: OnItsWay): RevisionId {
  if (update?.to !== revisionId || !update.back) return revisionId;
  return update.stable ?? revisionId;
}

/**
 * True if the old task must be gone before the new one is made: both would claim a port of the host, or (unless
 * start-first is asked for in so many words) write to the same volume.
 */
export function mustStopFirst(
  { ports, container }: Pick<ServiceSpec, 'ports' | 'container'>,
  order: UpdatePolicy['order'],
): boolean {
  if (order === 'stop-first' || ports.some(({ mode }) => mode === 'host')) return true;
  return order === 'auto' && (container.volumes ?? []).some(isOneWriters);
}

function isOneWriters(mount: VolumeMount): boolean {
  return mount.kind === 'volume' && mount.source !== undefined && !mount.readOnly;
}

/** What is wrong with a policy: one sentence each, with the field. */
export function policyProblems(policy: UpdatePolicy, path: 'update' | 'rollback'): readonly Problem[] {
  const day = 86_400_000;
  const rules: readonly (readonly [keyof UpdatePolicy, boolean, string])[] = [
    [
      'parallelism',
      isWhole(policy.parallelism, 0, 10_000),
      'parallelism must be a whole number from 0 (all at once)',
    ],
    ['delayMs', isWhole(policy.delayMs, 0, day), 'the delay must be 0 to 24 h'],
    ['monitorMs', isWhole(policy.monitorMs, 0, day), 'the time to monitor must be 0 to 24 h'],
    ['deadlineMs', isWhole(policy.deadlineMs, 0, day), 'the deadline must be 0 to 24 h'],
    [
      'maxFailureRatio',
      policy.maxFailureRatio >= 0 && policy.maxFailureRatio <= 1,
      'the failure ratio must be 0 to 1',
    ],
    [
      'failureAction',
      path === 'update' || policy.failureAction !== 'rollback',
      'a rollback that fails cannot be rolled back: use pause or continue',
    ],
  ];
  return rules.flatMap(([field, ok, message]) => (ok ? [] : [{ path: `${path}.${field}`, message }]));
}
