import type { RevisionId } from '@gantry/model/ids';
import type { Task } from '@gantry/model/task';
import { refusal } from '../../scheduler/filters.ts';
import { loadOf } from '../../scheduler/loads.ts';
import { requirementOf } from '../../scheduler/requirement.ts';
import type { View } from '../../store/store.ts';

/**
 * True if the old task's host surely takes a task of the wanted revision once the old one is gone: it passes every rule
 * on an empty host, and asks for no more than the old one held. Looks at nothing of other services, so that a decision
 * about one service never hangs on the load of another.
 */
export function fitsInsteadOf(view: View, wanted: RevisionId, old: Task): boolean {
  const node = view.get('node', old.nodeId ?? '');
  const [before, after] = [old.revisionId, wanted].map((id) => view.get('revision', id));
  if (!node || !before || !after) return false;
  const [held, asked] = [requirementOf(before), requirementOf(after)];
  return (
    asked.cpuMillis <= held.cpuMillis &&
    asked.memoryBytes <= held.memoryBytes &&
    asked.devices.every(([name, count]) => count <= (new Map(held.devices).get(name) ?? 0)) &&
    asked.hostPorts.every((port) => held.hostPorts.includes(port)) &&
    refusal(
      loadOf(node, [], () => undefined),
      asked,
    ) === undefined
  );
}
