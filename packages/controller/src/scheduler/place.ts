import type { Node } from '@gantry/model/node';
import type { Task } from '@gantry/model/task';
import type { Cluster } from './cluster.ts';
import type { NodeClass } from './node-class.ts';
import { boundReason, reasonOf } from './reasons.ts';
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

/** Rows looked at in one go before the rest is left for the next: 10 ms of work, also where memory is slow. */
const mostRows = 10_000;

/**
 * Gives the oldest waiting tasks of the highest priority their nodes, at most `limit` tasks, looking at about `rows` rows. What it counts on the loads
 * meanwhile is taken back before it answers: the view alone says what is.
 */
export function placeWaiting(cluster: Cluster, limit: number, rows = mostRows): Placed {
  const round = new Round(cluster, limit, rows);
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
  /** How many rows may still be looked at. */
  #rows: number;

  constructor(cluster: Cluster, limit: number, rows: number) {
    this.#cluster = cluster;
    this.#limit = limit;
    this.#rows = rows;
  }

  get #left(): number {
    return this.#limit - this.placed.length - this.refused.length;
  }

  run(): void {
    if (this.#cluster.waiting.size === 0) return;
    for (const group of this.#cluster.groups()) {
      if (group.size === 0) continue;
      this.more = this.#left <= 0 || this.#rows <= 0 || !this.#group(group);
      if (this.more) return;
    }
  }

  undo(): void {
    for (const { slot, requirement } of this.#counted) this.#cluster.loads.count(slot, requirement, -1);
  }

  /** False if its order of nodes is still being made: those behind it must not be placed first. */
  #group(group: Group): boolean {
    const requirement = this.#cluster.requirementOfGroup(group);
    if (!requirement) return true;
    const nodeClass = this.#cluster.classOf(requirement);
    this.#rows -= nodeClass.sync(this.#rows);
    if (!nodeClass.ready) return false;
    const verdict = this.#cluster.verdicts.get(group.revisionId);
    const known =
      verdict?.nodeClass === nodeClass &&
      verdict.classVersion === nodeClass.version &&
      verdict.groupVersion === group.version;
    if (known) return true;
    if (group.bound > 0) this.#bound(nodeClass, requirement, group);
    else this.#anywhere(nodeClass, requirement, group, group.oldest(this.#left));
    return true;
  }

  #anywhere(nodeClass: NodeClass, requirement: Requirement, group: Group, tasks: readonly Task[]): void {
    const done = nodeClass.fits ? this.#place(nodeClass, requirement, tasks) : 0;
    if (done < tasks.length) this.#refuse(nodeClass, requirement, group, tasks.slice(done));
  }

  /** Answers how many of the tasks found a node. */
  #place(nodeClass: NodeClass, requirement: Requirement, tasks: readonly Task[]): number {
    this.#rows -= nodeClass.turn(requirement);
    const { loads } = this.#cluster;
    let done = 0;
    for (const task of tasks) {
      const slot = nodeClass.best();
      const node = loads.nodes[slot];
      if (!node) break;
      this.#give(task, slot, node, requirement);
      nodeClass.sync();
      done++;
    }
    return done;
  }

  /** A group in which tasks are bound to one node each; what may go anywhere waits for its turn until they are settled. */
  #bound(nodeClass: NodeClass, requirement: Requirement, group: Group): void {
    const all = group.oldest(group.size);
    this.#rows -= all.length;
    for (const task of all) {
      if (this.#left <= 0) return;
      if (task.only !== undefined) this.#placeOn(task.only, nodeClass, requirement, task);
    }
    const free = all.filter(({ only }) => only === undefined).slice(0, this.#left);
    if (free.length > 0) this.#anywhere(nodeClass, requirement, group, free);
  }

  #placeOn(only: string, nodeClass: NodeClass, requirement: Requirement, task: Task): void {
    const { loads } = this.#cluster;
    const slot = loads.slotOf(only) ?? -1;
    const node = loads.nodes[slot];
    if (node && nodeClass.takes(slot)) {
      this.#give(task, slot, node, requirement);
      nodeClass.sync();
      return;
    }
    const reason = boundReason(this.#cluster, requirement, slot, task);
    if (task.status.state !== 'pending' || task.status.reason !== reason) this.refused.push({ task, reason });
  }

  #give(task: Task, slot: number, node: Node, requirement: Requirement): void {
    this.#cluster.loads.count(slot, requirement, 1);
    this.#counted.push({ slot, requirement });
    this.placed.push({ task, node });
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
