/** An object in its table, and where it stands in each index of the table. */
export interface Row<T> {
  object: T;
  readonly groups: (Group<T> | undefined)[];
  readonly places: number[];
}

/** Objects that share a key; each with its row, so that whoever takes its place can be told. */
interface Group<T> {
  readonly key: string;
  readonly objects: T[];
  readonly rows: Row<T>[];
}

/**
 * Objects by a key that is computed from them; the newest of each id, in no order. A change whose key stays is one store
 * into an array; the others cost the same at any size.
 */
export class ObjectIndex<T> {
  readonly #groups = new Map<string, Group<T>>();
  readonly #number: number;
  readonly #keyOf: (object: T) => string | undefined;

  /** `number`: which of the places in a row are this index's. */
  constructor(number: number, keyOf: (object: T) => string | undefined) {
    this.#number = number;
    this.#keyOf = keyOf;
  }

  /** Of this moment: it changes with the objects. */
  get(key: string): readonly T[] | undefined {
    return this.#groups.get(key)?.objects;
  }

  /** The row is about to hold `after`, or, without it, to go. */
  move(row: Row<T>, after: T | undefined): void {
    const group = row.groups[this.#number];
    const key = after === undefined ? undefined : this.#keyOf(after);
    if (group !== undefined) {
      if (group.key === key) {
        group.objects[row.places[this.#number] as number] = after as T;
        return;
      }
      this.#remove(row, group);
    }
    if (key !== undefined) this.#add(row, key, after as T);
  }

  #add(row: Row<T>, key: string, object: T): void {
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = { key, objects: [], rows: [] }));
    row.groups[this.#number] = group;
    row.places[this.#number] = group.objects.length;
    group.objects.push(object);
    group.rows.push(row);
  }

  /** The last of the group takes the place. */
  #remove(row: Row<T>, group: Group<T>): void {
    const place = row.places[this.#number] as number;
    row.groups[this.#number] = undefined;
    const object = group.objects.pop() as T;
    const last = group.rows.pop() as Row<T>;
    if (last === row) {
      if (group.objects.length === 0) this.#groups.delete(group.key);
      return;
    }
    group.objects[place] = object;
    group.rows[place] = last;
    last.places[this.#number] = place;
  }
}
