import { GantryError } from '@gantry/kit/errors';
import { Blobs } from '@gantry/kit/blobs';
import type { FetchBlob } from './images.ts';
import type { Manifest } from './manifest.ts';

/** What to fetch of an image. */
export interface Fetch {
  readonly manifest: Manifest & { readonly digest: string };
  /** Blobs go to `<dir>/blobs/sha256`; those that are there already are not fetched again. */
  readonly dir: string;
  /** Layers that this host needs. */
  readonly missing: Manifest['layers'];
  /** Called now and then with the bytes that have come so far. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Where an image's bytes come from. Throws GantryErrors in words for `ps`. */
export interface ImageSource {
  /** The bytes of a manifest or list of manifests; not checked yet. */
  document(digest: string, maxBytes: number, signal: AbortSignal): Promise<Buffer>;
  /** The config and the missing layers, each verified by its digest. */
  fetch(fetch: Fetch): Promise<void>;
}

/** An image that was loaded into the controller: fetched from it, blob by blob. */
export class LoadedSource implements ImageSource {
  readonly #fetchBlob: FetchBlob;

  constructor(fetchBlob: FetchBlob) {
    this.#fetchBlob = fetchBlob;
  }

  async document(digest: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.#fetchBlob(digest, signal)) {
      size += part.length;
      if (size > maxBytes)
        throw new GantryError('image_refused', `the manifest ${digest} has more than ${maxBytes} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  async fetch({ manifest, dir, missing, onBytes, signal }: Fetch): Promise<void> {
    const blobs = new Blobs(`${dir}/blobs`);
    let bytes = 0;
    const count = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        onBytes(bytes);
        yield chunk;
      }
    };
    const wanted = [{ digest: manifest.config, size: manifest.configSize }, ...missing];
    for (const { digest, size } of wanted) {
      if (!(await blobs.has(digest))) await blobs.put(digest, count(this.#fetchBlob(digest, signal)), size);
    }
  }
}
