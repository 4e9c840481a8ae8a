import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import type { RegistryCredential } from '@gantry/model/registry';
import type { ResolvedImage } from '@gantry/model/service';
import { Blobs } from '@gantry/kit/blobs';
import type { Candidate } from './collect.ts';
import { ImageIndex, type ImageRecord } from './image-index.ts';
import type { FetchBlob, ImageConfig, Images, OnProgress, PullProgress, Rootfs } from './images.ts';
import { openJail } from './layer/jail.ts';
import { maxDocumentBytes, parseImageConfig } from './manifest.ts';
import { Overlay } from './overlay.ts';
import { pullImage, type PullDeps } from './pull.ts';
import { SharedWork } from './shared-work.ts';
import { RegistrySource } from './skopeo.ts';
import { LoadedSource } from './source.ts';
import { isUnpacked, layerName, unfinished } from './unpack.ts';

export interface ImagesDeps {
  readonly stateDir: string;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly fetchBlob: FetchBlob;
  /** What the user gave for the registry of an image. */
  readonly credential: (ref: string, signal: AbortSignal) => Promise<RegistryCredential | undefined>;
  readonly insecureRegistries: readonly string[];
  readonly stallMs?: number;
  /** Go's name of this host's architecture: `amd64`, `arm64`. */
  readonly arch: string;
  readonly log: Logger;
}

/** Opens the images of this host below `<stateDir>/images` and `<stateDir>/rootfs`. */
export async function createImages(deps: ImagesDeps): Promise<NodeImages> {
  const dir = join(deps.stateDir, 'images');
  const [layersDir, pullsDir, rootfsDir] = [
    join(dir, 'layers'),
    join(dir, 'pulls'),
    join(deps.stateDir, 'rootfs'),
  ];
  // Users of the host must not reach setuid files of images (CVE-2021-41091).
  for (const path of [dir, rootfsDir, layersDir, pullsDir]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  }
  await removeUnfinished(layersDir, (name) => name.endsWith(unfinished));
  await removeUnfinished(pullsDir, () => true);
  const blobs = new Blobs(join(dir, 'blobs'));
  await blobs.open();
  const index = new ImageIndex(join(dir, 'index.json'));
  await index.open();
  const unpacking = { jail: await openJail(deps.exec, join(dir, 'tools')), dir: layersDir };
  const pulling: PullDeps = {
    blobs,
    unpacking,
    unpacks: new SharedWork<number>(),
    pullsDir,
    arch: deps.arch,
    known: () => index.layers(),
    now: () => deps.clock.now(),
  };
  return new NodeImages(deps, dir, index, pulling, new Overlay({ exec: deps.exec, rootfsDir, layersDir }));
}

interface Present {
  readonly record: ImageRecord;
  readonly config: ImageConfig;
}

export class NodeImages implements Images {
  readonly dir: string;
  readonly #deps: ImagesDeps;
  readonly #index: ImageIndex;
  readonly #pulling: PullDeps;
  readonly #overlay: Overlay;
  readonly #present = new Map<string, Present>();
  readonly #pulls = new SharedWork<Present>();
  readonly #listeners = new Map<string, Set<OnProgress>>();
  /** Images that are just being used, with how often. */
  readonly #pins = new Map<string, number>();

  constructor(deps: ImagesDeps, dir: string, index: ImageIndex, pulling: PullDeps, overlay: Overlay) {
    this.#deps = deps;
    this.dir = dir;
    this.#index = index;
    this.#pulling = pulling;
    this.#overlay = overlay;
  }

  async ensure(
    image: ResolvedImage,
    signal: AbortSignal,
    onProgress: OnProgress = () => undefined,
  ): Promise<ImageConfig> {
    const listeners = this.#listeners.get(image.digest) ?? new Set();
    this.#listeners.set(image.digest, listeners.add(onProgress));
    try {
      return (await this.#pinned(image.digest, () => this.#ensure(image, signal))).config;
    } finally {
      listeners.delete(onProgress);
      if (listeners.size === 0) this.#listeners.delete(image.digest);
    }
  }

  mount(containerId: string, image: ResolvedImage): Promise<Rootfs> {
    return this.#pinned(image.digest, async () => {
      const { record } = await this.#ensure(image, new AbortController().signal);
      return {
        path: await this.#overlay.mount(
          containerId,
          record.layers.map(({ diffId }) => layerName(diffId)),
        ),
      };
    });
  }

  unmount(containerId: string): Promise<void> {
    return this.#overlay.unmount(containerId);
  }

  mounted(): Promise<readonly string[]> {
    return this.#overlay.list();
  }

  /** Every image here, and whether something on this host needs it. */
  async candidates(): Promise<readonly Candidate[]> {
    const mounted = await this.#overlay.layersInUse();
    return this.#index.all().map(({ digest, layers, usedAt }) => {
      const named = layers.map(({ diffId, bytes }) => ({ name: layerName(diffId), bytes }));
      return {
        digest,
        usedAt,
        layers: named,
        needed: this.#pins.has(digest) || named.every(({ name }) => mounted.has(name)),
      };
    });
  }

  /** Removes an image, and the layers and documents that no other has; not while it is being used. */
  async remove(digest: string): Promise<void> {
    if (this.#pins.has(digest)) return;
    this.#present.delete(digest);
    await this.#index.delete(digest);
    const mounted = await this.#overlay.layersInUse();
    const used = new Set(
      this.#index.all().flatMap(({ layers }) => layers.map(({ diffId }) => layerName(diffId))),
    );
    const { dir: layersDir } = this.#pulling.unpacking;
    for (const name of await readdir(layersDir)) {
      if (name.endsWith(unfinished) || used.has(name) || mounted.has(name) || this.#pins.size > 0) continue;
      await rm(join(layersDir, name), { recursive: true, force: true });
    }
    if (this.#pins.size > 0) return;
    await this.#pulling.blobs.keepOnly(
      new Set(this.#index.all().flatMap((one) => [one.digest, one.manifest, one.config])),
    );
  }

  async #ensure(image: ResolvedImage, signal: AbortSignal): Promise<Present> {
    const known = this.#present.get(image.digest) ?? (await this.#onDisk(image));
    if (known) return known;
    return this.#pulls.do(image.digest, (shared) => this.#pull(image, shared), signal);
  }

  /** What an earlier agent brought here: nobody need be asked. */
  async #onDisk({ digest }: ResolvedImage): Promise<Present | undefined> {
    const record = this.#index.get(digest);
    if (!record) return undefined;
    const there = await Promise.all(
      record.layers.map(({ diffId }) => isUnpacked(this.#pulling.unpacking, diffId)),
    );
    if (there.includes(false)) return undefined;
    return this.#take(record).catch(() => undefined);
  }

  async #pull(image: ResolvedImage, signal: AbortSignal): Promise<Present> {
    const source =
      image.source === 'loaded'
        ? new LoadedSource(this.#deps.fetchBlob)
        : new RegistrySource(this.#deps, image);
    const tell = (progress: PullProgress): void =>
      this.#listeners.get(image.digest)?.forEach((one) => one(progress));
    this.#deps.log.info('getting an image', { image: image.ref, digest: image.digest });
    return this.#take(await pullImage(this.#pulling, image, source, tell, signal));
  }

  async #take(record: ImageRecord): Promise<Present> {
    const used = { ...record, usedAt: this.#deps.clock.now() };
    const { config } = parseImageConfig(await this.#pulling.blobs.read(record.config, maxDocumentBytes));
    await this.#index.put(used);
    const present = { record: used, config };
    this.#present.set(record.digest, present);
    return present;
  }

  async #pinned<T>(digest: string, work: () => Promise<T>): Promise<T> {
    this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#pins.get(digest) ?? 1) - 1;
      if (left > 0) this.#pins.set(digest, left);
      else this.#pins.delete(digest);
    }
  }
}

/** What an agent that died had not brought to its end. */
async function removeUnfinished(dir: string, isUnfinished: (name: string) => boolean): Promise<void> {
  const names = (await readdir(dir)).filter(isUnfinished);
  await Promise.all(names.map((name) => rm(join(dir, name), { recursive: true, force: true })));
}
