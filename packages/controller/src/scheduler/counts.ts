/** Whole numbers by a name and a row: how many tasks of a service are on a node. Zeros are not kept. */
export class Counts {
  readonly #byName = new Map<string, Map<number, number>>();

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
    if (this.#byName.get(name)?.size === 0) this.#byName.delete(name);
  }

  #of(name: string): Map<number, number> {
    const known = this.#byName.get(name);
    if (known) return known;
    const rows = new Map<number, number>();
    this.#byName.set(name, rows);
    return rows;
  }
}
