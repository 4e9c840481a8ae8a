/** Objects by a key that is computed from them; the newest of each id. Adding and removing cost the same at any size. */
export class ObjectIndex<T extends { readonly id: string }> {
  readonly #groups = new Map<string, Map<string, T>>();
  readonly #keyOf: (object: T) => string | undefined;

  constructor(keyOf: (object: T) => string | undefined) {
    this.#keyOf = keyOf;
  }

  get(key: string): Iterable<T> | undefined {
    return this.#groups.get(key)?.values();
  }

  /** Takes `before` out and puts `after` in; either may be absent. */
  move(before: T | undefined, after: T | undefined): void {
    const key = before && this.#keyOf(before);
    if (before && after && key === this.#keyOf(after)) {
      if (key !== undefined) this.#groups.get(key)?.set(after.id, after);
      return;
    }
    if (before) this.#remove(before);
    if (after) this.#add(after);
  }

  #add(object: T): void {
    const key = this.#keyOf(object);
    if (key === undefined) return;
    const group = this.#groups.get(key);
    if (group) group.set(object.id, object);
    else this.#groups.set(key, new Map([[object.id, object]]));
  }

  #remove(object: T): void {
    const key = this.#keyOf(object);
    const group = key === undefined ? undefined : this.#groups.get(key);
    if (key === undefined || !group) return;
    group.delete(object.id);
    if (group.size === 0) this.#groups.delete(key);
  }
}
