import type { Task } from '@gantry/model/task';
import type { View } from '../store/store.ts';
import { clusterOf, type Cluster } from './cluster.ts';
import { rulesOf, type Rule } from './filters.ts';
import { addHost, smallerFix, type Fix } from './fixes.ts';
import type { Requirement } from './requirement.ts';

/** What one host says to a task. */
export interface HostAnswer {
  readonly nodeId: string;
  readonly name: string;
  readonly fits: boolean;
  /** Every reason why not, the first one first: `cpu: 0.50 of 4.00 free, 1.00 needed`. */
  readonly reasons: readonly string[];
  /** The one change with which this host would take it; absent if it fits, or needs more than one. */
  readonly fix?: Fix;
}

export interface Explanation {
  readonly perNode: readonly HostAnswer[];
  /** The smallest single change with which some host takes the task; absent if one does already, or none is known. */
  readonly smallestChange?: Fix & { readonly host?: string };
}

/**
 * What every host says to a task of a requirement, and the least that would have to change. Asks all rules of all hosts:
 * for a question of a user, not for each decision. `only`: a task that belongs on one host.
 */
export function explain(cluster: Cluster, requirement: Requirement, only?: string): Explanation {
  const rules = rulesOf(requirement);
  const perNode = cluster.loads.nodes
    .flatMap((node, slot) =>
      node && (only === undefined || node.id === only) ? [answerOf(cluster, rules, slot, node)] : [],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const smallestChange = perNode.some(({ fits }) => fits)
    ? undefined
    : smallestOf(cluster, requirement, perNode, only);
  return { perNode, ...(smallestChange && { smallestChange }) };
}

/** The same for a task of the view; undefined while its revision is not there. */
export function explainTask(view: View, task: Task): Explanation | undefined {
  const cluster = view.derived(clusterOf);
  const revision = view.get('revision', task.revisionId);
  return revision && explain(cluster, cluster.requirement(revision), task.only);
}

/** What one host says, by its row. */
export function answerAt(cluster: Cluster, requirement: Requirement, slot: number): HostAnswer | undefined {
  const node = cluster.loads.nodes[slot];
  return node && answerOf(cluster, rulesOf(requirement), slot, node);
}

function answerOf(
  { loads }: Cluster,
  rules: readonly Rule[],
  slot: number,
  { id, name }: { readonly id: string; readonly name: string },
): HostAnswer {
  const refusing = rules.filter((rule) => rule.refuses(loads, slot));
  const [first, second] = refusing;
  const fix = second ? undefined : first?.fix?.(loads, slot);
  return {
    nodeId: id,
    name,
    fits: refusing.length === 0,
    reasons: refusing.map((rule) => rule.why(loads, slot)),
    ...(fix && { fix }),
  };
}

function smallestOf(
  { loads }: Cluster,
  requirement: Requirement,
  perNode: readonly HostAnswer[],
  only: string | undefined,
): Explanation['smallestChange'] {
  const missing = requirement.near.find(({ id = '' }) => loads.services.of(id).size === 0);
  if (missing) return { kind: 'neighbours', words: `start ${missing.name}, which runs nowhere`, amount: 0 };
  const known = perNode.flatMap(({ name, fix }) => (fix ? [{ ...fix, host: name }] : [])).sort(smallerFix);
  return known[0] ?? (only === undefined ? addHost(requirement) : undefined);
}
