import { imageIdOf, type LoadedImage } from '@gantry/model/image';
import { change } from './change.ts';
import { maxWrites, type Store, type Write } from './store.ts';

/** The list of images that users loaded, in the store: every controller knows it, and a new leader goes on with it. */
export class LoadedImages {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Newest last. */
  list(): readonly LoadedImage[] {
    return [...this.#store.view().all('image')].sort(
      (a, b) => a.loadedAt - b.loadedAt || (a.id < b.id ? -1 : 1),
    );
  }

  /** Makes the list what `next` says of it, in as few commits as it takes; one that is broken off may be made again. */
  async change(next: (images: readonly LoadedImage[]) => readonly LoadedImage[]): Promise<void> {
    for (let more = true; more;) {
      await change(this.#store, 'the list of loaded images', () => {
        const writes = this.#writes(next(this.list()));
        more = writes.length >= maxWrites;
        return writes.slice(0, maxWrites - 1);
      });
    }
  }

  #writes(wanted: readonly LoadedImage[]): readonly Write[] {
    const view = this.#store.view();
    const ids = new Set(wanted.map(imageIdOf));
    const gone = [...view.all('image')].filter(({ id }) => !ids.has(id));
    const fresh = wanted.filter((image) => !view.get('image', imageIdOf(image)));
    return [
      ...fresh.map(({ ref, digest, sizeBytes, loadedAt }): Write => {
        const id = imageIdOf({ ref, digest });
        const object = { kind: 'image', id, version: 0, ref, digest, sizeBytes, loadedAt } as const;
        return { op: 'put', object };
      }),
      ...gone.map(({ id, version }): Write => ({ op: 'delete', kind: 'image', id, version })),
    ];
  }
}
