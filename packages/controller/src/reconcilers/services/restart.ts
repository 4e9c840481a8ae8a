import type { RevisionId } from '@gantry/model/ids';
import { restartDelayMs } from '@gantry/model/restart';
import type { Service, SlotRestarts } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';

/** What follows when a task has ended by itself. */
export type Restart =
  | { readonly kind: 'never' }
  /** A new task at this time (ms since the epoch), with the history as it should then be. */
  | { readonly kind: 'at'; readonly at: number; readonly restarts: SlotRestarts };

/**
 * The restart policy: the first replacement at once, then `delayMs` doubling to `maxDelayMs`; a task that lived for
 * `windowMs` clears the count, and so does a new revision.
 */
export function restartOf(
  service: Service,
  place: string,
  ended: Task,
  wanted: RevisionId,
  now: number,
): Restart {
  const policy = service.spec.restart;
  if (ended.revisionId !== wanted) return { kind: 'at', at: now, restarts: counted(ended, wanted, 0, now) };
  const failed = ended.status.state !== 'complete';
  if (policy.condition === 'none' || (policy.condition === 'on-failure' && !failed)) return { kind: 'never' };
  const restarts = historyWith(service, place, ended, now);
  if (policy.maxAttempts !== undefined && restarts.count > policy.maxAttempts) return { kind: 'never' };
  return { kind: 'at', at: restarts.lastAt + restartDelayMs(policy, restarts.count), restarts };
}

/** The history with this end counted, once: counting it again gives the same. */
function historyWith(service: Service, place: string, ended: Task, now: number): SlotRestarts {
  const before = service.restarts[place];
  if (before?.lastTask === ended.id) return before;
  const livedLong = now - ended.createdAt >= service.spec.restart.windowMs;
  const fresh = livedLong || before?.revisionId !== ended.revisionId;
  return counted(ended, ended.revisionId, fresh ? 1 : before.count + 1, now);
}

function counted(ended: Task, revisionId: RevisionId, count: number, now: number): SlotRestarts {
  return { count, lastAt: now, lastTask: ended.id, revisionId };
}
