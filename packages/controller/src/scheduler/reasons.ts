import type { Task } from '@gantry/model/task';
import { volumesOf } from '@gantry/model/volume';
import type { Cluster } from './cluster.ts';
import { answerAt, explain } from './explain.ts';
import type { NodeClass } from './node-class.ts';
import type { Requirement } from './requirement.ts';

/** Hosts, and tasks of a group, up to which each host's own reason is given, once for hosts that have the same; beyond, hosts are counted by reason. */
const [spokenHosts, spokenTasks] = [8, 16];

/**
 * Why no host takes a task, and (on few hosts) the least that would have to change; the numbers of hosts add up to all hosts.
 * `lasting`: it stays the same as long as no host is refused by another rule.
 */
export function reasonOf(
  cluster: Cluster,
  nodeClass: NodeClass,
  requirement: Requirement,
  tasks: number,
): { readonly reason: string; readonly lasting: boolean } {
  const reasons = nodeClass.reasons();
  const hosts = reasons.reduce((sum, [count]) => sum + count, 0);
  if (hosts === 0) return { reason: 'no host has joined yet', lasting: true };
  if (hosts > spokenHosts || tasks > spokenTasks) {
    const counted = reasons.map(([count, label]) => `${count} ${label}`).join(', ');
    return { reason: `none of ${hosts} hosts fits: ${counted}`, lasting: true };
  }
  const told = new Map<string, string[]>();
  for (const [slot, node] of cluster.loads.nodes.entries()) {
    const why = node && nodeClass.why(slot);
    if (why !== undefined) told.set(why, [...(told.get(why) ?? []), node?.name ?? '']);
  }
  const clauses = [...told].map(([why, names]) => `${names.sort().join(', ')}: ${why}`);
  const { smallestChange } = explain(cluster, requirement);
  const change = smallestChange ? `. To fit: ${smallestChange.words}` : '';
  return { reason: `no host fits: ${clauses.sort().join('; ')}${change}`, lasting: false };
}

/** The same for a task that is bound to one host, by its row (-1: the host is gone). */
export function boundReason(cluster: Cluster, requirement: Requirement, slot: number, task: Task): string {
  const answer = answerAt(cluster, requirement, slot);
  if (!answer) return 'its host is gone';
  const [why = 'is not asked again yet'] = answer.reasons;
  const volumes = task.slot > 0 ? volumesOf(requirement.revision.container) : [];
  const lost = cluster.loads.nodes[slot]?.state === 'down' && volumes.length > 0;
  const change = [
    ...(answer.fix ? [answer.fix.words] : []),
    ...(lost ? [`gantry node rm ${answer.name}, which gives its data up`] : []),
  ];
  const holds = volumes.length > 0 ? `its data (volume ${volumes.join(', ')}) is on ` : '';
  return `${holds}${answer.name}: ${why}${change.length > 0 ? `. To fit: ${change.join(', or ')}` : ''}`;
}
