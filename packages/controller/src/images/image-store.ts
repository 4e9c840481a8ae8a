import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { imageIdOf, type LoadedImage } from '@gantry/model/image';
import { digestIn, normalizeRef } from '@gantry/model/image-ref';
import type { RegistryCredential } from '@gantry/model/registry';
import type { ContainerSpec, ResolvedImage } from '@gantry/model/service';
import { contentsOf, importImage, keepUpload } from './archive.ts';
import { askRegistry, loadHint } from './ask-registry.ts';
import type { ImageFiles, ImageList } from './image-files.ts';
import { imagesNamed, prunable, withLoaded } from './loaded.ts';

export interface ImageStoreDeps {
  readonly files: ImageFiles;
  readonly list: ImageList;
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

/** The images of a controller that leads: their list is the cluster's, their bytes are files here. */
export class FileImageStore implements ImageStore {
  readonly #deps: ImageStoreDeps;

  constructor(deps: ImageStoreDeps) {
    this.#deps = deps;
  }

  list(): readonly LoadedImage[] {
    return this.#deps.list.list();
  }

  async resolve(ref: string, { credential, policy, known }: Resolving = {}): Promise<ResolvedImage> {
    const wanted = normalizeRef(ref);
    const loaded = this.list().find((image) => image.ref !== '' && normalizeRef(image.ref) === wanted);
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
    const { files, exec, clock, list } = this.#deps;
    return files.inTurn(async () => {
      const work = join(files.dir, `load-${process.pid}-${Math.round(performance.now())}`);
      await mkdir(work, { recursive: true, mode: 0o700 });
      try {
        const archive = join(work, 'archive');
        await keepUpload(archive, chunks);
        const loaded: LoadedImage[] = [];
        for (const content of await contentsOf(exec, archive, fileName)) {
          const digest = await importImage(exec, content, files.blobs.dir, work);
          const { layers } = await files.documents(digest);
          const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
          loaded.push({ ref: content.ref, digest, sizeBytes, loadedAt: clock.now() });
        }
        await list.change((images) => withLoaded(images, loaded));
        return loaded;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
  }

  async inspect(name: string): Promise<InspectedImage> {
    const [image] = this.#named(name);
    if (!image) throw notLoaded(name);
    return { image, ...(await this.#deps.files.documents(image.digest)) };
  }

  remove(names: readonly string[], usersOf: UsersOf): Promise<Removed> {
    return this.#deps.files.inTurn(() => {
      const gone = names.flatMap((name) => {
        const found = this.#named(name);
        const users = found.flatMap(({ digest }) => usersOf(digest));
        if (users.length === 0) return found;
        throw new GantryError('conflict', `image ${name} is used by ${[...new Set(users)].join(', ')}`, {
          hint: 'remove these services first, or let go of the revisions that still name it',
        });
      });
      return this.#drop(gone, false);
    });
  }

  prune(
    usersOf: UsersOf,
    { all, dryRun }: { readonly all: boolean; readonly dryRun: boolean },
  ): Promise<Removed> {
    const isUsed = (digest: string): boolean => usersOf(digest).length > 0;
    return this.#deps.files.inTurn(() => this.#drop(prunable(this.list(), isUsed, all), dryRun));
  }

  async readBlob(digest: string): Promise<ReadStream> {
    const { blobs } = this.#deps.files;
    if (await blobs.has(digest)) return createReadStream(blobs.path(digest), { highWaterMark: 256 << 10 });
    throw new GantryError('not_found', `no image loaded into this controller has the blob ${digest}`, {
      hint: 'the controller it was loaded into may have been lost before others had a copy: load it again',
    });
  }

  #named(name: string): readonly LoadedImage[] {
    const found = imagesNamed(this.list(), name);
    if (found.length === 0) throw notLoaded(name);
    if (new Set(found.map(({ digest }) => digest)).size > 1)
      throw new GantryError(
        'ambiguous',
        `${name} may be ${found.map(({ digest }) => digest.slice(0, 19)).join(' or ')}`,
      );
    return found;
  }

  /** Takes images from the list, and the blobs that no other image has from the disk. */
  async #drop(images: readonly LoadedImage[], dryRun: boolean): Promise<Removed> {
    const gone = new Set(images.map(imageIdOf));
    const stays = (image: LoadedImage): boolean => !gone.has(imageIdOf(image));
    const { files, list } = this.#deps;
    const left = list.list().filter(stays);
    if (!dryRun) await list.change((now) => now.filter(stays));
    return { images, freedBytes: await files.keepOnly(left, dryRun) };
  }
}

function notLoaded(name: string): GantryError {
  return new GantryError('not_found', `no loaded image is called ${name}`, {
    hint: '`gantry image ls` lists them',
  });
}
