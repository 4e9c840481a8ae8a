import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { digestIn, normalizeRef } from '@gantry/model/image-ref';
import type { RegistryCredential } from '@gantry/model/registry';
import type { ContainerSpec, ResolvedImage } from '@gantry/model/service';
import { contentsOf, importImage, keepUpload } from './archive.ts';
import { askRegistry, loadHint } from './ask-registry.ts';
import { imagesNamed, prunable, withLoaded, type LoadedImage } from './loaded.ts';

export type { LoadedImage } from './loaded.ts';

export interface ImageStoreDeps {
  readonly dir: string;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly insecureRegistries: readonly string[];
}

/** How an image is resolved. */
export interface Resolving {
  readonly credential?: RegistryCredential;
  readonly policy?: ContainerSpec['pullPolicy'];
  /** What the service runs now, if it runs this image. */
  readonly known?: ResolvedImage;
}

export interface Removed {
  readonly images: readonly LoadedImage[];
  readonly freedBytes: number;
}

/** An image with what its documents say. */
export interface InspectedImage {
  readonly image: LoadedImage;
  readonly config: string;
  readonly layers: readonly { readonly digest: string; readonly sizeBytes: number }[];
}

/** Services whose revisions name a digest, as `stack/service`. */
export type UsersOf = (digest: string) => readonly string[];

/** Images that users loaded, and the digests of those in registries. */
export interface ImageStore {
  /** The image's bytes by digest: a loaded image first, else the registry. Throws `image_not_found`, `unreachable` … */
  resolve(ref: string, how?: Resolving): Promise<ResolvedImage>;
  /** Takes an OCI or docker archive; throws `invalid` and keeps nothing if it is neither. */
  load(chunks: AsyncIterable<Uint8Array>, fileName: string): Promise<readonly LoadedImage[]>;
  list(): readonly LoadedImage[];
  /** Throws `not_found`, or `ambiguous` with the matches. */
  inspect(name: string): Promise<InspectedImage>;
  /** Throws `not_found`, or `conflict` for an image that a revision names, and removes nothing then. */
  remove(names: readonly string[], usersOf: UsersOf): Promise<Removed>;
  /** Removes loaded images that no revision names: those without a name, or all of them. */
  prune(usersOf: UsersOf, how: { readonly all: boolean; readonly dryRun: boolean }): Promise<Removed>;
  /** Throws `not_found` for what no loaded image has. */
  readBlob(digest: string): Promise<ReadStream>;
}

export async function openImageStore(deps: ImageStoreDeps): Promise<ImageStore> {
  await mkdir(join(deps.dir, 'blobs', 'sha256'), { recursive: true, mode: 0o700 });
  const text = await readFile(join(deps.dir, 'index.json'), 'utf8').catch(() => '[]');
  return new FileImageStore(deps, JSON.parse(text) as LoadedImage[]);
}

class FileImageStore implements ImageStore {
  readonly #deps: ImageStoreDeps;
  #images: readonly LoadedImage[];
  /** Loads and removals come one after another: a load may count on blobs that a removal would take. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: ImageStoreDeps, images: readonly LoadedImage[]) {
    this.#deps = deps;
    this.#images = images;
  }

  list(): readonly LoadedImage[] {
    return this.#images;
  }

  async resolve(ref: string, { credential, policy, known }: Resolving = {}): Promise<ResolvedImage> {
    const wanted = normalizeRef(ref);
    const loaded = this.#images.find((image) => image.ref !== '' && normalizeRef(image.ref) === wanted);
    if (loaded) return { ref, digest: loaded.digest, source: 'loaded' };
    const pinned = digestIn(ref);
    if (pinned !== undefined && policy !== 'never') return { ref, digest: pinned, source: 'registry' };
    if (known && policy !== undefined && policy !== 'always') return known;
    if (policy === 'never')
      throw new GantryError('image_not_found', `image ${ref} is not loaded, and its pull_policy is never`, {
        hint: loadHint,
      });
    return { ref, digest: await askRegistry(this.#deps, ref, credential), source: 'registry' };
  }

  load(chunks: AsyncIterable<Uint8Array>, fileName: string): Promise<readonly LoadedImage[]> {
    return this.#inTurn(async () => {
      const work = join(this.#deps.dir, `load-${process.pid}-${Math.round(performance.now())}`);
      await mkdir(work, { recursive: true, mode: 0o700 });
      try {
        const archive = join(work, 'archive');
        await keepUpload(archive, chunks);
        const loaded: LoadedImage[] = [];
        for (const content of await contentsOf(this.#deps.exec, archive, fileName)) {
          const digest = await importImage(this.#deps.exec, content, join(this.#deps.dir, 'blobs'), work);
          const { layers } = await this.#documents(digest);
          const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
          loaded.push({ ref: content.ref, digest, sizeBytes, loadedAt: this.#deps.clock.now() });
        }
        await this.#keep(withLoaded(this.#images, loaded));
        return loaded;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
  }

  async inspect(name: string): Promise<InspectedImage> {
    const [image] = this.#named(name);
    if (!image) throw notLoaded(name);
    return { image, ...(await this.#documents(image.digest)) };
  }

  remove(names: readonly string[], usersOf: UsersOf): Promise<Removed> {
    return this.#inTurn(() => {
      const gone = names.flatMap((name) => {
        const found = this.#named(name);
        const users = found.flatMap(({ digest }) => usersOf(digest));
        if (users.length === 0) return found;
        throw new GantryError('conflict', `image ${name} is used by ${[...new Set(users)].join(', ')}`, {
          hint: 'remove these services first, or let go of the revisions that still name it',
        });
      });
      return this.#drop(new Set(gone), false);
    });
  }

  prune(
    usersOf: UsersOf,
    { all, dryRun }: { readonly all: boolean; readonly dryRun: boolean },
  ): Promise<Removed> {
    const isUsed = (digest: string): boolean => usersOf(digest).length > 0;
    return this.#inTurn(() => this.#drop(new Set(prunable(this.#images, isUsed, all)), dryRun));
  }

  async readBlob(digest: string): Promise<ReadStream> {
    const path = this.#path(digest);
    const there =
      path !== undefined &&
      (await stat(path).then(
        () => true,
        () => false,
      ));
    if (path === undefined || !there)
      throw new GantryError('not_found', `no loaded image has the blob ${digest}`);
    return createReadStream(path, { highWaterMark: 256 << 10 });
  }

  #named(name: string): readonly LoadedImage[] {
    const found = imagesNamed(this.#images, name);
    if (found.length === 0) throw notLoaded(name);
    if (new Set(found.map(({ digest }) => digest)).size > 1)
      throw new GantryError(
        'ambiguous',
        `${name} may be ${found.map(({ digest }) => digest.slice(0, 19)).join(' or ')}`,
      );
    return found;
  }

  /** Takes images from the list, and the blobs that no other image has from the disk. */
  async #drop(gone: ReadonlySet<LoadedImage>, dryRun: boolean): Promise<Removed> {
    const left = this.#images.filter((image) => !gone.has(image));
    const needed = new Set((await Promise.all(left.map(({ digest }) => this.#blobsOf(digest)))).flat());
    if (!dryRun) await this.#keep(left);
    let freedBytes = 0;
    const dir = join(this.#deps.dir, 'blobs', 'sha256');
    for (const name of gone.size === 0 ? [] : await readdir(dir)) {
      if (needed.has(name)) continue;
      freedBytes += (await stat(join(dir, name))).size;
      if (!dryRun) await rm(join(dir, name), { force: true });
    }
    return { images: [...gone], freedBytes };
  }

  /** Names of the files that an image is made of. */
  async #blobsOf(digest: string): Promise<readonly string[]> {
    const { layers, configDigest } = await this.#documents(digest);
    return [digest, configDigest, ...layers.map((layer) => layer.digest)].map((one) =>
      one.replace('sha256:', ''),
    );
  }

  async #documents(
    digest: string,
  ): Promise<Omit<InspectedImage, 'image'> & { readonly configDigest: string }> {
    const read = (one: string): Promise<string> => readFile(this.#path(one) ?? '', 'utf8');
    const manifest = JSON.parse(await read(digest)) as {
      readonly config: { readonly digest: string };
      readonly layers: readonly { readonly digest: string; readonly size: number }[];
    };
    const layers = manifest.layers.map((layer) => ({ digest: layer.digest, sizeBytes: layer.size }));
    return { configDigest: manifest.config.digest, config: await read(manifest.config.digest), layers };
  }

  #path(digest: string): string | undefined {
    const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
    return hex === undefined ? undefined : join(this.#deps.dir, 'blobs', 'sha256', hex);
  }

  async #keep(images: readonly LoadedImage[]): Promise<void> {
    const file = join(this.#deps.dir, 'index.json');
    await writeFile(`${file}.tmp`, JSON.stringify(images, undefined, 1), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    this.#images = images;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function notLoaded(name: string): GantryError {
  return new GantryError('not_found', `no loaded image is called ${name}`, {
    hint: '`gantry image ls` lists them',
  });
}
