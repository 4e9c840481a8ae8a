import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import type { ResolvedImage } from '@gantry/model/service';
import { Blobs } from './blobs.ts';
import type { FetchBlob, ImageConfig, Images, Rootfs } from './images.ts';
import {
  choosePlatform,
  maxDocumentBytes,
  parseImageConfig,
  parseManifest,
  type Manifest,
  type ParsedConfig,
} from './manifest.ts';
import { Overlay } from './overlay.ts';
import { explainRegistryFailure, isInsecure, repositoryOf } from './registry.ts';
import { SharedWork } from './shared-work.ts';
import { openJail } from './layer/jail.ts';
import { layerName, unfinished, unpackLayer, type UnpackDeps } from './unpack.ts';

export interface ImagesDeps {
  readonly stateDir: string;
  readonly exec: Exec;
  readonly fetchBlob: FetchBlob;
  readonly insecureRegistries: readonly string[];
  /** Go's name of this host's architecture: `amd64`, `arm64`. */
  readonly arch: string;
  readonly log: Logger;
}

/** A pull may take this long, ms. */
const pullTimeoutMs = 900_000;

interface Present {
  readonly config: ImageConfig;
  /** Names of the unpacked layers, lowest first. */
  readonly layers: readonly string[];
}

/** Opens the images of this host below `<stateDir>/images` and `<stateDir>/rootfs`. */
export async function createImages(deps: ImagesDeps): Promise<Images> {
  const imagesDir = join(deps.stateDir, 'images');
  const layersDir = join(imagesDir, 'layers');
  const rootfsDir = join(deps.stateDir, 'rootfs');
  // Users of the host must not reach setuid files of images (CVE-2021-41091).
  for (const dir of [imagesDir, rootfsDir]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
  }
  await mkdir(layersDir, { recursive: true, mode: 0o700 });
  await removeUnfinished(layersDir);
  const blobs = new Blobs(join(imagesDir, 'blobs'));
  await blobs.open();
  const jail = await openJail(deps.exec, join(imagesDir, 'tools'));
  const overlay = new Overlay({ exec: deps.exec, rootfsDir, layersDir });
  return new NodeImages(deps, blobs, { jail, dir: layersDir }, overlay);
}

class NodeImages implements Images {
  readonly #deps: ImagesDeps;
  readonly #blobs: Blobs;
  readonly #unpacking: UnpackDeps;
  readonly #overlay: Overlay;
  readonly #present = new Map<string, Present>();
  readonly #pulls = new SharedWork<Present>();
  readonly #unpacks = new SharedWork<void>();

  constructor(deps: ImagesDeps, blobs: Blobs, unpacking: UnpackDeps, overlay: Overlay) {
    this.#deps = deps;
    this.#blobs = blobs;
    this.#unpacking = unpacking;
    this.#overlay = overlay;
  }

  async ensure(image: ResolvedImage, signal: AbortSignal): Promise<ImageConfig> {
    return (await this.#ensure(image, signal)).config;
  }

  async mount(containerId: string, image: ResolvedImage): Promise<Rootfs> {
    const { layers } = await this.#ensure(image, new AbortController().signal);
    return { path: await this.#overlay.mount(containerId, layers) };
  }

  unmount(containerId: string): Promise<void> {
    return this.#overlay.unmount(containerId);
  }

  mounted(): Promise<readonly string[]> {
    return this.#overlay.list();
  }

  async #ensure(image: ResolvedImage, signal: AbortSignal): Promise<Present> {
    const known = this.#present.get(image.digest);
    if (known) return known;
    const present = await this.#pulls.do(image.digest, (shared) => this.#pull(image, shared), signal);
    this.#present.set(image.digest, present);
    return present;
  }

  async #pull(image: ResolvedImage, signal: AbortSignal): Promise<Present> {
    const get =
      image.source === 'loaded' ? this.#fetchLoaded(signal) : await this.#fetchFromRegistry(image, signal);
    const manifest = await this.#manifest(image.digest, get);
    await get(manifest.config);
    const parsed = parseImageConfig(await this.#blobs.read(manifest.config, maxDocumentBytes));
    if (parsed.diffIds.length !== manifest.layers.length) {
      throw new GantryError(
        'image_refused',
        'the image is refused: manifest and config count different layers',
      );
    }
    await this.#unpackAll(manifest, parsed, get, signal);
    return { config: parsed.config, layers: parsed.diffIds.map(layerName) };
  }

  /** The manifest of this digest, or the one of this host's platform in its list. */
  async #manifest(digest: string, get: GetBlob): Promise<Manifest> {
    await get(digest);
    const manifest = parseManifest(await this.#blobs.read(digest, maxDocumentBytes));
    if ('layers' in manifest) return manifest;
    const entry = choosePlatform(manifest, this.#deps.arch);
    await get(entry.digest);
    const chosen = parseManifest(await this.#blobs.read(entry.digest, maxDocumentBytes));
    if ('layers' in chosen) return chosen;
    throw new GantryError(
      'image_refused',
      'the image is refused: its list of manifests leads to another list',
    );
  }

  async #unpackAll(
    manifest: Manifest,
    { diffIds }: ParsedConfig,
    get: GetBlob,
    signal: AbortSignal,
  ): Promise<void> {
    await Promise.all(
      manifest.layers.map(async ({ digest }, index) => {
        const diffId = diffIds[index] ?? '';
        await get(digest);
        const layer = { path: this.#blobs.path(digest), diffId };
        await this.#unpacks.do(diffId, (shared) => unpackLayer(this.#unpacking, layer, shared), signal);
      }),
    );
  }

  #fetchLoaded(signal: AbortSignal): GetBlob {
    return async (digest) => {
      if (await this.#blobs.has(digest)) return;
      await this.#blobs.put(digest, this.#deps.fetchBlob(digest, signal));
    };
  }

  /** skopeo brings everything into the blob directory in one go; afterwards each blob is there or was never listed. */
  async #fetchFromRegistry(image: ResolvedImage, signal: AbortSignal): Promise<GetBlob> {
    const layout = join(this.#deps.stateDir, 'images', `pull-${layerName(image.digest)}`);
    const insecure = isInsecure(image.ref, this.#deps.insecureRegistries);
    if (!(await this.#blobs.has(image.digest))) {
      const argv = [
        'skopeo', '--insecure-policy', 'copy', '--quiet', '--preserve-digests', '--dest-shared-blob-dir', this.#blobs.dir,
        ...(insecure ? ['--src-tls-verify=false'] : []), '--override-arch', this.#deps.arch,
        `docker://${repositoryOf(image.ref)}@${image.digest}`, `oci:${layout}:image`,
      ]; // prettier-ignore
      try {
        const result = await this.#deps.exec(argv, { timeoutMs: pullTimeoutMs, signal });
        if (result.code !== 0) throw explainRegistryFailure(image.ref, result.stderr);
      } finally {
        await rm(layout, { recursive: true, force: true });
      }
    }
    return async (digest) => {
      if (await this.#blobs.has(digest)) return;
      throw new GantryError(
        'unreachable',
        `image ${image.ref}: the blob ${digest} is missing after the pull`,
      );
    };
  }
}

/** What an agent that died had not unpacked to the end. */
async function removeUnfinished(layersDir: string): Promise<void> {
  const names = (await readdir(layersDir)).filter((name) => name.endsWith(unfinished));
  await Promise.all(names.map((name) => rm(join(layersDir, name), { recursive: true, force: true })));
}

/** Makes a blob present, or throws. */
type GetBlob = (digest: string) => Promise<void>;
