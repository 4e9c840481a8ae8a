import type { Task } from '@gantry/model/task';

/** Tasks of one revision that wait for a node, the oldest first. */
export class Group {
  readonly revisionId: string;
  readonly #tasks = new Map<string, Task>();
  #sorted: Task[] = [];
  #from = 0;
  #inOrder = true;
  /** Grows with every change of its tasks. */
  version = 0;
  /** How many of them are bound to one node each. */
  bound = 0;

  constructor(revisionId: string) {
    this.revisionId = revisionId;
  }

  get size(): number {
    return this.#tasks.size;
  }

  put(task: Task): void {
    const before = this.#tasks.get(task.id);
    const again = before !== undefined;
    this.bound += (task.only === undefined ? 0 : 1) - (before?.only === undefined ? 0 : 1);
    this.#tasks.set(task.id, task);
    this.version++;
    const last = this.#sorted.at(-1);
    if (again || (last && older(task, last) <= 0)) this.#inOrder = false;
    else if (this.#inOrder) this.#sorted.push(task);
  }

  delete(task: Task): void {
    const before = this.#tasks.get(task.id);
    if (!before) return;
    this.#tasks.delete(task.id);
    if (before.only !== undefined) this.bound--;
    this.version++;
  }

  /** The oldest tasks, at most `count`. */
  oldest(count: number): readonly Task[] {
    if (!this.#inOrder) {
      this.#sorted = [...this.#tasks.values()].sort(older);
      [this.#inOrder, this.#from] = [true, 0];
    }
    const found: Task[] = [];
    for (let at = this.#from; at < this.#sorted.length && found.length < count; at++) {
      const task = this.#tasks.get(this.#sorted[at]?.id ?? '');
      if (task) found.push(task);
      // What has left at the front is not looked at again.
      else if (found.length === 0) this.#from = at + 1;
    }
    return found;
  }
}

function older(a: Task, b: Task): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id === b.id ? 0 : 1);
}

/** All waiting tasks in groups. */
export class Waiting {
  readonly #groups = new Map<string, Group>();
  #order: readonly Group[] | undefined;

  get size(): number {
    return this.#groups.size;
  }

  put(task: Task): void {
    let group = this.#groups.get(task.revisionId);
    if (!group) {
      this.#groups.set(task.revisionId, (group = new Group(task.revisionId)));
      this.#order = undefined;
    }
    group.put(task);
  }

  delete(task: Task): void {
    const group = this.#groups.get(task.revisionId);
    group?.delete(task);
    if (group?.size === 0) this.#groups.delete(task.revisionId);
  }

  /** The ranks of groups may be others now. */
  reorder(): void {
    this.#order = undefined;
  }

  /** The groups by their rank, the least first; may hold some that have become empty. */
  inOrder(rankOf: (group: Group) => Rank): readonly Group[] {
    const order = this.#order;
    if (order && order.length <= 2 * this.#groups.size + 16) return order;
    const ranked = [...this.#groups.values()].map((group) => ({ group, rank: rankOf(group) }));
    ranked.sort(
      (a, b) =>
        a.rank.first - b.rank.first ||
        a.rank.then - b.rank.then ||
        (a.group.revisionId < b.group.revisionId ? -1 : 1),
    );
    return (this.#order = ranked.map(({ group }) => group));
  }
}

/** Where a group stands among the others. */
export interface Rank {
  readonly first: number;
  readonly then: number;
}
