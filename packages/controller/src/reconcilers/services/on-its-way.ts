import type { Task } from '@gantry/model/task';
import { volumesOf } from '@gantry/model/volume';
import type { Change, View } from '../../store/store.ts';

/** Steps of a task that was made and is not ready yet, in which its service has nothing to decide. */
const coming: ReadonlySet<Task['status']['state']> = new Set([
  'assigned',
  'preparing',
  'starting',
  'running',
]);

/**
 * True for a step of a task that comes as it should: placed on a host that takes tasks, or a step nearer to running. All places of
 * a service are looked at for a decision, so that such steps, three for each task, would cost places × tasks. With volumes it
 * is looked at what each task has begun.
 */
export function isOnItsWay({ before, after }: Change & { readonly kind: 'task' }, view: View): boolean {
  if (!before || !after || before.desired !== after.desired || before.readySince !== after.readySince)
    return false;
  if (before.makesWay !== after.makesWay || before.revisionId !== after.revisionId) return false;
  const [from, to] = [before.status, after.status];
  if (from.ready || to.ready || !coming.has(to.state)) return false;
  if (from.state === 'new' ? !isWelcome(after, view) : !coming.has(from.state)) return false;
  const revision = view.get('revision', after.revisionId);
  return revision !== undefined && volumesOf(revision.container).length === 0;
}

/** Its host may keep it. */
function isWelcome({ nodeId = '' }: Task, view: View): boolean {
  const node = view.get('node', nodeId);
  return node !== undefined && node.state !== 'down' && node.availability !== 'drain';
}
