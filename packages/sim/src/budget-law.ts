import type { Change, View } from '@gantry/controller/store/store';
import { preempts } from '@gantry/model/placement';
import { isTerminal, type Task } from '@gantry/model/task';
import { defaultUpdate } from '@gantry/model/update';
import { Broken } from './laws.ts';

/**
 * Who makes way (ADR 18): only tasks of a service that yields, and never more of one at once than its update may change.
 * Throws Broken. `changedLately`: what a service asks for may have changed after the decision was made.
 */
export function checkBudget(
  change: Change & { kind: 'task' },
  view: View,
  changedLately: (serviceId: string) => boolean,
): void {
  const { before, after } = change;
  if (after?.makesWay === undefined || before?.makesWay !== undefined) return;
  const service = view.get('service', after.serviceId);
  if (!service || changedLately(service.id)) return;
  const { placement, update = defaultUpdate } = service.spec;
  if (!placement || !preempts(placement, 'yields'))
    throw new Broken(`task ${after.id} makes way, and its service does not yield`);
  const leaving = [...view.tasksOfService(service.id)].filter(makesWayNow).length;
  if (update.parallelism > 0 && leaving > update.parallelism)
    throw new Broken(`${leaving} tasks of ${service.id} make way at once, ${update.parallelism} may`);
}

function makesWayNow({ makesWay, desired, status }: Task): boolean {
  return makesWay !== undefined && desired === 'running' && !isTerminal(status.state);
}
