import { WinnerTree } from './winner-tree.ts';

/**
 * Nodes grouped by the values of the attributes to spread over. A leaf orders its nodes; an inner branch chooses among its
 * children the one with the fewest tasks of the service that still has a node that fits.
 */
export class Branch {
  readonly #parent: Branch | undefined;
  readonly #children = new Map<string, Branch>();
  readonly slots: number[] = [];
  #tree: WinnerTree | undefined;
  #tasks = 0;

  constructor(parent?: Branch) {
    this.#parent = parent;
  }

  /** The leaf at the end of a path; made if it is not there. */
  at(path: readonly string[]): Branch {
    const [first, ...rest] = path;
    if (first === undefined) return this;
    let child = this.#children.get(first);
    if (!child) this.#children.set(first, (child = new Branch(this)));
    return child.at(rest);
  }

  /** Gives a row its place in this leaf. */
  add(slot: number): number {
    return this.slots.push(slot) - 1;
  }

  set(place: number, score: number): void {
    this.#tree ??= new WinnerTree();
    this.#tree.set(place, score);
  }

  /** Counts tasks of the service in this branch and all around it. */
  count(more: number): void {
    this.#tasks += more;
    this.#parent?.count(more);
  }

  /** The least score of any node below. */
  get least(): number {
    if (this.#children.size === 0) return this.#tree?.least ?? Infinity;
    let least = Infinity;
    for (const child of this.#children.values()) least = Math.min(least, child.least);
    return least;
  }

  /** The row to place the next task on, or -1. */
  first(): number {
    if (this.#children.size === 0) return this.slots[this.#tree?.first() ?? -1] ?? -1;
    let best: Branch | undefined;
    let [tasks, least] = [Infinity, Infinity];
    for (const child of this.#children.values()) {
      if (child.#tasks > tasks) continue;
      const score = child.least;
      if (score === Infinity || (child.#tasks === tasks && score >= least)) continue;
      [best, tasks, least] = [child, child.#tasks, score];
    }
    return best?.first() ?? -1;
  }
}
