import type { TaskAssignment } from '@gantry/model/assignment';

/** What the worker should do so that its runners match what is wanted. */
export interface WorkerPlan {
  /** Tasks that are new here. */
  readonly start: readonly TaskAssignment[];
  /** Tasks that are known and still wanted, in some way. */
  readonly tell: readonly TaskAssignment[];
  /** Tasks that are known and no longer assigned: to be stopped, cleaned and forgotten. */
  readonly gone: readonly string[];
}

/** Compares what the controller assigned with what this host holds. */
export function planWork(wanted: ReadonlyMap<string, TaskAssignment>, held: ReadonlySet<string>): WorkerPlan {
  const all = [...wanted.values()];
  return {
    start: all.filter(({ taskId }) => !held.has(taskId)),
    tell: all.filter(({ taskId }) => held.has(taskId)),
    gone: [...held].filter((taskId) => !wanted.has(taskId)),
  };
}

/** Ids of which there are traces on the host, but no record: half-removed tasks of an earlier agent. */
export function leftovers(found: Iterable<string>, held: ReadonlySet<string>): readonly string[] {
  return [...new Set(found)].filter((id) => !held.has(id));
}
