import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { defaultUpdate } from '@gantry/model/update';

/**
 * How many more tasks of a service may be taken from it now: as many as its update may change at once (`parallelism`; 0: all), less
 * those that are not there already.
 */
export function budgetOf({ spec }: Service, tasks: Iterable<Task>): number {
  const { parallelism } = spec.update ?? defaultUpdate;
  let [there, places] = [0, 0];
  const known = new Set<string>();
  for (const task of tasks) {
    if (task.desired === 'running' && !isTerminal(task.status.state))
      known.add(task.slot === 0 ? (task.nodeId ?? task.only ?? '') : String(task.slot));
    if (task.desired === 'running' && task.makesWay === undefined && task.status.ready) there++;
  }
  places = spec.mode.kind === 'replicated' ? spec.mode.replicas : known.size;
  const missing = Math.max(0, places - there);
  return Math.max(0, (parallelism === 0 ? places : parallelism) - missing);
}
