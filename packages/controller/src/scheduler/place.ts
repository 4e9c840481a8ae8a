import type { NodeLoad, Requirement } from './loads.ts';
import { addTo } from './loads.ts';
import { refusal } from './filters.ts';
import { compare } from './scores.ts';
import { Heap } from './heap.ts';

/** Where `count` identical tasks go: the node of each, and why the rest found none. */
export interface Placement {
  readonly nodes: readonly NodeLoad[];
  /** One sentence a node, when not all were placed. */
  readonly refusals: readonly string[];
}

/** Places identical tasks: filters once, keeps the fitting nodes in a heap, pop – count – push. Counts into the loads. */
export function place(requirement: Requirement, count: number, loads: Iterable<NodeLoad>): Placement {
  const heap = new Heap<NodeLoad>((a, b) => compare(a, b, requirement));
  const refusals: string[] = [];
  const weigh = (load: NodeLoad): void => {
    const reason = refusal(load, requirement);
    if (reason === undefined) heap.push(load);
    else refusals.push(`${load.node.name}: ${reason}`);
  };
  for (const load of loads) weigh(load);
  const nodes: NodeLoad[] = [];
  while (nodes.length < count) {
    const best = heap.pop();
    if (!best) break;
    addTo(best, requirement);
    nodes.push(best);
    weigh(best);
  }
  return { nodes, refusals: nodes.length < count ? refusals.sort() : [] };
}
