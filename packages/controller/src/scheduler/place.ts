import type { Node } from '@gantry/model/node';
import type { Task } from '@gantry/model/task';
import type { Cluster } from './cluster.ts';
import { explain } from './explain.ts';
import type { NodeClass } from './node-class.ts';
import type { Requirement } from './requirement.ts';
import type { Group } from './waiting.ts';

/** What became of waiting tasks in one go. */
export interface Placed {
  readonly placed: readonly { readonly task: Task; readonly node: Node }[];
  /** With why, in words. */
  readonly refused: readonly { readonly task: Task; readonly reason: string }[];
  /** The bound on work was reached before every group was looked at. */
  readonly more: boolean;
}

/** Rows looked at in one go before the rest is left for the next: far below 50 ms of work. */
const mostRows = 150_000;
/** Hosts, and tasks of a group, up to which each host's own reason is given; beyond, hosts are counted by reason. */
const [spokenHosts, spokenTasks] = [8, 16];

/**
 * Gives the oldest waiting tasks of the highest priority their nodes, at most `limit` tasks. What it counts on the loads
 * meanwhile is taken back before it answers: the view alone says what is.
 */
export function placeWaiting(cluster: Cluster, limit: number): Placed {
  const round = new Round(cluster, limit);
  round.run();
  round.undo();
  return round;
}

class Round implements Placed {
  readonly placed: { readonly task: Task; readonly node: Node }[] = [];
  readonly refused: { readonly task: Task; readonly reason: string }[] = [];
  more = false;
  readonly #cluster: Cluster;
  readonly #limit: number;
  readonly #counted: { readonly slot: number; readonly requirement: Requirement }[] = [];
  #rows = 0;

  constructor(cluster: Cluster, limit: number) {
    this.#cluster = cluster;
    this.#limit = limit;
  }

  get #left(): number {
    return this.#limit - this.placed.length - this.refused.length;
  }

  run(): void {
    if (this.#cluster.waiting.size === 0) return;
    for (const group of this.#cluster.groups()) {
      if (group.size === 0) continue;
      if (this.#left <= 0) return;
      if (this.#rows > mostRows) {
        this.more = true;
        return;
      }
      this.#group(group);
    }
  }

  undo(): void {
    for (const { slot, requirement } of this.#counted) this.#cluster.loads.count(slot, requirement, -1);
  }

  #group(group: Group): void {
    const requirement = this.#cluster.requirementOfGroup(group);
    if (!requirement) return;
    const nodeClass = this.#cluster.classOf(requirement);
    this.#rows += nodeClass.sync();
    const verdict = this.#cluster.verdicts.get(group.revisionId);
    const known =
      verdict?.nodeClass === nodeClass &&
      verdict.classVersion === nodeClass.version &&
      verdict.groupVersion === group.version;
    if (known) return;
    const tasks = group.oldest(this.#left);
    const done = nodeClass.fits ? this.#place(nodeClass, requirement, tasks) : 0;
    if (done < tasks.length) this.#refuse(nodeClass, requirement, group, tasks.slice(done));
  }

  /** Answers how many of the tasks found a node. */
  #place(nodeClass: NodeClass, requirement: Requirement, tasks: readonly Task[]): number {
    this.#rows += nodeClass.turn(requirement);
    const { loads } = this.#cluster;
    let done = 0;
    for (const task of tasks) {
      const slot = nodeClass.best();
      const node = loads.nodes[slot];
      if (!node) break;
      loads.count(slot, requirement, 1);
      this.#counted.push({ slot, requirement });
      nodeClass.sync();
      this.placed.push({ task, node });
      done++;
    }
    return done;
  }

  #refuse(nodeClass: NodeClass, requirement: Requirement, group: Group, tasks: readonly Task[]): void {
    const { reason, lasting } = reasonOf(this.#cluster, nodeClass, requirement, group.size);
    const untold = tasks.filter(({ status }) => status.state !== 'pending' || status.reason !== reason);
    for (const task of untold) this.refused.push({ task, reason });
    // What was found holds for the view as it is, not for the places given in this go.
    const settled = untold.length === 0 && tasks.length === group.size && this.#counted.length === 0;
    if (settled && lasting) {
      const { version: groupVersion, revisionId } = group;
      const { version: classVersion } = nodeClass;
      this.#cluster.verdicts.set(revisionId, { nodeClass, classVersion, groupVersion });
    }
  }
}

/**
 * Why no host takes a task, and (on few hosts) the least that would have to change; the numbers of hosts add up to all hosts.
 * `lasting`: it stays the same as long as no host is refused by another rule.
 */
function reasonOf(
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
  const told = cluster.loads.nodes.flatMap((node, slot) => {
    const why = node && nodeClass.why(slot);
    return why === undefined ? [] : [`${node?.name ?? ''}: ${why}`];
  });
  const { smallestChange } = explain(cluster, requirement);
  const change = smallestChange ? `. To fit: ${smallestChange.words}` : '';
  return { reason: `no host fits: ${told.sort().join('; ')}${change}`, lasting: false };
}
