import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blobs } from '@gantry/kit/blobs';
import { OneAtATime } from '@gantry/kit/one-at-a-time';
import type { LoadedImage } from '@gantry/model/image';

/** The list of loaded images, which the whole cluster has in common. */
export interface ImageList {
  list(): readonly LoadedImage[];
  /** Makes the list what `next` says of it; throws if that cannot be kept. */
  change(next: (images: readonly LoadedImage[]) => readonly LoadedImage[]): Promise<void>;
}

/** What the manifest of an image says. */
export interface ImageDocuments {
  readonly configDigest: string;
  /** The text of its config. */
  readonly config: string;
  readonly layers: readonly { readonly digest: string; readonly sizeBytes: number }[];
}

/** Manifests and configs are documents of a few KiB. */
export const maxDocumentBytes = 8 << 20;

/** The bytes of loaded images, below `dir`. */
export class ImageFiles {
  readonly dir: string;
  readonly blobs: Blobs;
  readonly #turns = new OneAtATime();

  constructor(dir: string, blobs: Blobs) {
    this.dir = dir;
    this.blobs = blobs;
  }

  /** What takes blobs and what brings them come one after the other: a load may count on blobs that a removal would take. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run('files', work);
  }

  /** Throws if a document is not here. */
  async documents(digest: string): Promise<ImageDocuments> {
    const { config, layers } = await this.manifest(digest);
    const text = (await this.blobs.read(config.digest, maxDocumentBytes)).toString();
    return {
      configDigest: config.digest,
      config: text,
      layers: layers.map((layer) => ({ digest: layer.digest, sizeBytes: layer.size })),
    };
  }

  async manifest(digest: string): Promise<Manifest> {
    return manifestOf(await this.blobs.read(digest, maxDocumentBytes));
  }

  /** Deletes every blob that none of these images has; answers with their bytes. A dry run only counts. */
  async keepOnly(images: readonly LoadedImage[], dryRun: boolean): Promise<number> {
    const needed = new Set((await Promise.all(images.map(({ digest }) => this.#blobsOf(digest)))).flat());
    const dir = join(this.blobs.dir, 'sha256');
    let freedBytes = 0;
    for (const name of await readdir(dir)) {
      if (needed.has(`sha256:${name}`)) continue;
      freedBytes += (await stat(join(dir, name))).size;
      if (!dryRun) await rm(join(dir, name), { force: true });
    }
    return freedBytes;
  }

  /** Those that are known: an image that is not (wholly) here has none to lose. */
  async #blobsOf(digest: string): Promise<readonly string[]> {
    if (!(await this.blobs.has(digest))) return [digest];
    const { config, layers } = await this.manifest(digest);
    return [digest, config.digest, ...layers.map((layer) => layer.digest)];
  }
}

/** A blob as a manifest names it. */
interface Part {
  readonly digest: string;
  readonly size: number;
}

/** What an image is made of besides its manifest. */
export interface Manifest {
  readonly config: Part;
  readonly layers: readonly Part[];
}

export function manifestOf(bytes: Buffer): Manifest {
  return JSON.parse(bytes.toString()) as Manifest;
}
