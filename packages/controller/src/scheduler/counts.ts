/** Whole numbers by a name and a row: how many tasks of a service are on a node. Zeros are not kept. */
export class Counts {
  readonly #byName = new Map<string, Map<number, number>>();
  /** What was asked for last: tasks of a service come one after another. */
  #last: { readonly name: string; readonly rows: Map<number, number> } | undefined;

  get(name: string, slot: number): number {
    return this.#byName.get(name)?.get(slot) ?? 0;
  }

  /** The rows of a name that are not zero; the same map for ever, so that it may be kept. */
  of(name: string): ReadonlyMap<number, number> {
    return this.#of(name);
  }

  add(name: string, slot: number, more: number): void {
    const rows = this.#of(name);
    const count = (rows.get(slot) ?? 0) + more;
    if (count === 0) rows.delete(slot);
    else rows.set(slot, count);
  }

  /** Forgets a name that nothing is counted for any more. */
  forget(name: string): void {
    if (this.#byName.get(name)?.size !== 0) return;
    this.#byName.delete(name);
    this.#last = undefined;
  }

  #of(name: string): Map<number, number> {
    if (this.#last?.name === name) return this.#last.rows;
    const rows = this.#byName.get(name) ?? new Map<number, number>();
    this.#byName.set(name, rows);
    this.#last = { name, rows };
    return rows;
  }
}
