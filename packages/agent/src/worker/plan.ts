import type { TaskAssignment } from '@gantry/model/assignment';

/** What the worker should do so that its runners match what is wanted. */
export interface WorkerPlan {
  /** Tasks that are new here. */
  readonly start: readonly TaskAssignment[];
  /** Tasks that are known and still wanted, of which something else was said than before. */
  readonly tell: readonly TaskAssignment[];
  /** Tasks that are known and no longer assigned: to be stopped, cleaned and forgotten. */
  readonly gone: readonly string[];
}

/** The last word to each task that is held. */
export type Told = ReadonlyMap<string, TaskAssignment | 'gone'>;

/**
 * Compares what the controller assigned with what this host holds. What was told before is told again only if it is another
 * object: a message that concerns other hosts costs the tasks of this one nothing.
 */
export function planWork(
  wanted: ReadonlyMap<string, TaskAssignment>,
  held: ReadonlySet<string>,
  told: Told,
): WorkerPlan {
  const all = [...wanted.values()];
  return {
    start: all.filter(({ taskId }) => !held.has(taskId)),
    tell: all.filter((one) => held.has(one.taskId) && told.get(one.taskId) !== one),
    gone: [...held].filter((taskId) => !wanted.has(taskId) && told.get(taskId) !== 'gone'),
  };
}

/** Ids of which there are traces on the host, but no record: half-removed tasks of an earlier agent. */
export function leftovers(found: Iterable<string>, held: ReadonlySet<string>): readonly string[] {
  return [...new Set(found)].filter((id) => !held.has(id));
}
