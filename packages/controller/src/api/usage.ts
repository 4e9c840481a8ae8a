import type { NodeUsage } from '@gantry/proto/gen/gantry/v1/control';
import { qualifiedName } from '@gantry/model/ids';
import type { View } from '../store/store.ts';
import type { UsageBoard } from '../telemetry/usage-board.ts';

/** What each node and its tasks use, with names and capacities; nodes that are not heard on NATS are missing. */
export function usageOf(view: View, board: Pick<UsageBoard, 'current'>): NodeUsage[] {
  const nodes = board.current().flatMap((usage): NodeUsage[] => {
    const node = view.get('node', usage.nodeId);
    if (!node) return [];
    return [
      {
        nodeId: node.id,
        node: node.name,
        at: usage.at,
        cpuMillis: usage.cpuMillis,
        memoryBytes: usage.memoryBytes,
        cpuCapacityMillis: node.description.cpuMillis,
        memoryCapacityBytes: node.description.memoryBytes,
        tasks: usage.tasks.flatMap(({ taskId, cpuMillis, memoryBytes, pids }) => {
          const task = view.get('task', taskId);
          const service = task && view.get('service', task.serviceId);
          if (!service) return [];
          const name = qualifiedName(service.spec.stack, service.spec.name);
          return [{ taskId, service: name, slot: task.slot, cpuMillis, memoryBytes, pids }];
        }),
      },
    ];
  });
  return nodes.sort((a, b) => (a.node < b.node ? -1 : 1));
}
