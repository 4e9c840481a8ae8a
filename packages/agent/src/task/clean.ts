import { sleep, type Clock } from '@gantry/kit/clock';
import type { Failpoint } from '@gantry/kit/failpoint';
import { isTerminal } from '@gantry/model/task';
import type { Runtime } from '../runtime/runtime.ts';
import { takeDown, type HostParts } from './host-parts.ts';
import type { FenceKeeper } from '../fence/keeper.ts';
import type { TaskLife } from './life.ts';

export interface CleanDeps extends HostParts {
  readonly runtime: Pick<Runtime, 'delete'>;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly fences?: FenceKeeper;
}

/** What is left of a task that failed stays this long while its replacement is started, ms. */
const replacementMs = 250;

/** Takes everything of the task off the host but its log; a task that has not ended may then be made anew. */
export async function clean(deps: CleanDeps, life: TaskLife): Promise<void> {
  const { taskId } = life;
  if (waitsForReplacement(life)) await sleep(deps.clock, replacementMs);
  deps.failpoint('clean');
  await deps.runtime.delete(taskId);
  deps.failpoint('deleted');
  if (life.record.assignment.fenceAfterMs !== undefined) await deps.fences?.release(taskId);
  await takeDown(deps, taskId);
  deps.failpoint('unmounted');
  life.container = undefined;
  life.prepared = undefined;
  if (isTerminal(life.record.status.state)) await life.keep({ cleaned: true });
  deps.failpoint('cleaned');
}

/**
 * The replacement of one that ended by itself is likely started here, now; taking down a network namespace would hold up
 * the making of its own. One with ports of the host, or that must not run twice, is in the way until it is gone.
 */
function waitsForReplacement({ record: { status, assignment } }: TaskLife): boolean {
  const { hostPorts, fenceAfterMs } = assignment;
  return status.state === 'failed' && hostPorts.length === 0 && fenceAfterMs === undefined;
}
