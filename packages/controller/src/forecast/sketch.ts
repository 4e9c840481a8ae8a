import { kinds, type AnyObject } from '@gantry/model/objects';
import type { Change, View, Write } from '../store/store.ts';
import { Tables } from '../store/tables.ts';

/** Objects copied before others get the thread. */
const perSlice = 2_000;

/** A copy of a view that may be written to, without a word to the store: what would be, if. */
export class Sketch {
  readonly view = new Tables();
  readonly #listen: (change: Change) => void;
  readonly #objects: readonly AnyObject[];

  /** The view is read at once; `fill` makes the copy. `listen` hears every later change. */
  constructor(view: View, listen: (change: Change) => void = () => undefined) {
    this.#listen = listen;
    this.#objects = kinds.flatMap((kind) => [...view.all(kind)] as readonly AnyObject[]);
    this.view.revision = view.revision;
  }

  /** Yields between slices of the work. */
  *fill(): Generator<void> {
    let count = 0;
    for (const object of this.#objects) {
      this.view.apply(object.kind, object.id, object);
      if (++count % perSlice === 0) yield;
    }
  }

  write(writes: readonly Write[]): void {
    for (const write of writes) {
      if (write.op === 'put') this.put(write.object);
      else this.delete(write.kind, write.id);
    }
  }

  put(object: AnyObject): void {
    const version = ++this.view.revision;
    this.#tell(this.view.apply(object.kind, object.id, { ...object, version }));
  }

  delete(kind: AnyObject['kind'], id: string): void {
    this.view.revision++;
    this.#tell(this.view.apply(kind, id, undefined));
  }

  #tell(change: Change | undefined): void {
    if (change) this.#listen(change);
  }
}
