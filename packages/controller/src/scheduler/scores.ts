import type { NodeLoad, Requirement } from './loads.ts';

/** A ground to prefer one node to another: the smaller number wins; the next ground breaks a tie. */
export interface Score {
  readonly name: string;
  readonly of: (load: NodeLoad, requirement: Requirement) => number;
}

/** Spread a service over hosts, then pack by what would be left over (best fit), then even out. */
export const scores: readonly Score[] = [
  { name: 'spread', of: (load, { serviceId }) => load.tasksOfService.get(serviceId) ?? 0 },
  { name: 'best fit', of: leftover },
  { name: 'fewest tasks', of: (load) => load.tasks },
];

/** Negative if `a` is the better node. The node's name decides last, so that a decision is the same each time. */
export function compare(a: NodeLoad, b: NodeLoad, requirement: Requirement): number {
  for (const score of scores) {
    const difference = score.of(a, requirement) - score.of(b, requirement);
    if (difference !== 0) return difference;
  }
  return a.node.name < b.node.name ? -1 : 1;
}

/** Share of the node's cpu and memory left after the task, summed; 0 for a task that reserves nothing. */
function leftover(load: NodeLoad, { cpuMillis, memoryBytes }: Requirement): number {
  if (cpuMillis === 0 && memoryBytes === 0) return 0;
  const { description } = load.node;
  return (
    share(description.cpuMillis - load.cpuMillis - cpuMillis, description.cpuMillis) +
    share(description.memoryBytes - load.memoryBytes - memoryBytes, description.memoryBytes)
  );
}

/** A host that did not say what it has leaves nothing over. */
function share(left: number, whole: number): number {
  return whole > 0 ? left / whole : 0;
}
