import type { AnyObject } from '@gantry/model/objects';
import { ObjectIndex, type Row } from './object-index.ts';

/** The objects of one kind by id, with indexes over them. */
export class Table<T extends AnyObject> {
  readonly #rows = new Map<string, Row<T>>();
  readonly #indexes: readonly ObjectIndex<T>[];

  /** An index for each function that says under which key an object is found. */
  constructor(keys: readonly ((object: T) => string | undefined)[]) {
    this.#indexes = keys.map((keyOf, number) => new ObjectIndex(number, keyOf));
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): T | undefined {
    return this.#rows.get(id)?.object;
  }

  /** In the order in which they came. */
  *all(): Iterable<T> {
    for (const row of this.#rows.values()) yield row.object;
  }

  /** The objects under a key of an index. */
  under(index: number, key: string): readonly T[] {
    return this.#indexes[index]?.get(key) ?? [];
  }

  /** Puts what is newer than what is there, or deletes; answers with what was there before, or `unchanged`. */
  apply(id: string, after: T | undefined): T | undefined | typeof unchanged {
    const row = this.#rows.get(id);
    if (!row) return after ? this.#insert(id, after) : unchanged;
    const before = row.object;
    if (after && before.version >= after.version) return unchanged;
    for (const index of this.#indexes) index.move(row, after);
    if (after) row.object = after;
    else this.#rows.delete(id);
    return before;
  }

  #insert(id: string, object: T): undefined {
    const row: Row<T> = { object, groups: [], places: [] };
    for (const index of this.#indexes) index.move(row, object);
    this.#rows.set(id, row);
  }
}

/** Nothing was put or deleted. */
export const unchanged = Symbol('unchanged');
