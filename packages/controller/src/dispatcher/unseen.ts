import { isFenced, surelyStoppedAfterMs } from '@gantry/model/fence';
import type { Node } from '@gantry/model/node';
import { isTerminal } from '@gantry/model/task';
import type { View } from '../store/store.ts';

/** How long the node must not be heard until each of its tasks that must never run twice has ended, ms, in order. */
export function waitsOf(view: View, nodeId: string, fenceMs: number): readonly number[] {
  const waits = new Set<number>();
  for (const task of view.tasksOnNode(nodeId)) {
    const revision = isTerminal(task.status.state) ? undefined : view.get('revision', task.revisionId);
    if (revision && isFenced(revision))
      waits.add(surelyStoppedAfterMs(fenceMs, revision.container.stopGraceMs));
  }
  return [...waits].sort((a, b) => a - b);
}

/** True if the node may still run a task that must never run twice. */
export function holdsUnseen(view: View, { id, unheardMs = 0 }: Node, fenceMs: number): boolean {
  return waitsOf(view, id, fenceMs).some((wait) => wait > unheardMs);
}
