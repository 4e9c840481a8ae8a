import type { NodeId, TaskId } from '@gantry/model/ids';

/** Orders of one round of changes: they wait for the same hosts. */
interface Group {
  readonly tasks: Set<TaskId>;
  /** Monotonic ms. */
  readonly until: number;
  readonly missing: Set<NodeId>;
}

/**
 * Holds back orders to stop until no host sends the task new connections: each has said that it applied the round of changes
 * in which the task left its endpoint. Hosts that are gone do not count, and no order is held for ever.
 */
export class Barrier {
  /** By round, in order. */
  readonly #groups = new Map<number, Group>();
  readonly #roundOf = new Map<TaskId, number>();

  /** Holds the orders of this round; with no host to wait for there is nothing to hold. One that is held stays as it is. */
  hold(taskIds: Iterable<TaskId>, round: number, until: number, hosts: Iterable<NodeId>): void {
    const tasks = new Set([...taskIds].filter((taskId) => !this.#roundOf.has(taskId)));
    const missing = new Set(hosts);
    if (missing.size === 0 || tasks.size === 0) return;
    for (const taskId of tasks) this.#roundOf.set(taskId, round);
    const group = this.#groups.get(round);
    if (!group) return void this.#groups.set(round, { tasks, until, missing });
    for (const taskId of tasks) group.tasks.add(taskId);
    for (const host of missing) group.missing.add(host);
  }

  isHeld(taskId: TaskId): boolean {
    return this.#roundOf.has(taskId);
  }

  /** True if an order waits for this host. */
  awaits(host: NodeId): boolean {
    for (const { missing } of this.#groups.values()) if (missing.has(host)) return true;
    return false;
  }

  /** The host has applied all changes up to a round. Answers with the tasks whose order is free now. */
  applied(host: NodeId, round: number): readonly TaskId[] {
    const free: TaskId[] = [];
    for (const [of, group] of this.#groups) {
      if (of > round) break;
      if (group.missing.delete(host) && group.missing.size === 0) free.push(...this.#end(of, group));
    }
    return free;
  }

  /** The host is down or gone. */
  left(host: NodeId): readonly TaskId[] {
    return this.applied(host, Infinity);
  }

  /** Orders that have waited long enough, with the hosts that did not answer. */
  expired(now: number): readonly { readonly tasks: readonly TaskId[]; readonly hosts: readonly NodeId[] }[] {
    const over = [...this.#groups].filter(([, { until }]) => until <= now);
    return over.map(([round, group]) => ({ tasks: this.#end(round, group), hosts: [...group.missing] }));
  }

  /** The task has ended or is gone: nothing is left to hold. */
  forget(taskId: TaskId): void {
    const round = this.#roundOf.get(taskId);
    const group = round === undefined ? undefined : this.#groups.get(round);
    if (round === undefined || !group) return;
    this.#roundOf.delete(taskId);
    group.tasks.delete(taskId);
    if (group.tasks.size === 0) this.#groups.delete(round);
  }

  /** When `expired` will next have something to say, monotonic ms. */
  get nextAt(): number | undefined {
    const times = [...this.#groups.values()].map(({ until }) => until);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #end(round: number, { tasks }: Group): readonly TaskId[] {
    this.#groups.delete(round);
    for (const taskId of tasks) this.#roundOf.delete(taskId);
    return [...tasks];
  }
}
