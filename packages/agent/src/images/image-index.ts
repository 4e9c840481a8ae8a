import { readFile, rename, writeFile } from 'node:fs/promises';

/** A layer of an image on this host. */
export interface LayerRecord {
  /** Of its bytes as they came, and of the archive in them. */
  readonly digest: string;
  readonly diffId: string;
  /** About what it takes on disk. */
  readonly bytes: number;
}

/** An image that is on this host, whole. */
export interface ImageRecord {
  /** As the revision names it: of the manifest, or of the list of manifests. */
  readonly digest: string;
  /** As a user wrote it, at the last use. */
  readonly ref: string;
  readonly config: string;
  /** Of the manifest for this host's platform. */
  readonly manifest: string;
  /** Lowest first. */
  readonly layers: readonly LayerRecord[];
  /** ms since the epoch. */
  readonly usedAt: number;
}

/** What images are on this host; kept in a file, so that a new agent need not ask a registry. */
export class ImageIndex {
  readonly #file: string;
  readonly #images = new Map<string, ImageRecord>();
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** A file that cannot be read counts as empty: images are then fetched again. */
  async open(): Promise<void> {
    try {
      const { images } = JSON.parse(await readFile(this.#file, 'utf8')) as { images: readonly ImageRecord[] };
      for (const image of images) if (isRecord(image)) this.#images.set(image.digest, image);
    } catch {
      this.#images.clear();
    }
  }

  get(digest: string): ImageRecord | undefined {
    return this.#images.get(digest);
  }

  all(): readonly ImageRecord[] {
    return [...this.#images.values()];
  }

  /** The layers of all images by the digest of their bytes. */
  layers(): ReadonlyMap<string, LayerRecord> {
    return new Map(this.all().flatMap(({ layers }) => layers.map((layer) => [layer.digest, layer])));
  }

  put(image: ImageRecord): Promise<void> {
    this.#images.set(image.digest, image);
    return this.#write();
  }

  delete(digest: string): Promise<void> {
    this.#images.delete(digest);
    return this.#write();
  }

  /** One write after another; each has everything that is known when it begins. */
  #write(): Promise<void> {
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        const text = JSON.stringify({ schema: 1, images: this.all() });
        await writeFile(`${this.#file}.tmp`, text, { mode: 0o600 });
        await rename(`${this.#file}.tmp`, this.#file);
      });
    return this.#writing;
  }
}

function isRecord(value: ImageRecord): boolean {
  return (
    typeof value.digest === 'string' &&
    typeof value.config === 'string' &&
    typeof value.usedAt === 'number' &&
    Array.isArray(value.layers) &&
    value.layers.every(({ diffId, digest }) => typeof diffId === 'string' && typeof digest === 'string')
  );
}
