import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { ResolvedImage } from '@gantry/model/service';
import { normalize, registryOf } from './reference.ts';

export interface LoadedImage {
  /** As in the archive. */
  readonly ref: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly loadedAt: number;
}

export interface ImageStoreDeps {
  readonly dir: string;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly insecureRegistries: readonly string[];
}

/** Images that users loaded, and the digests of those in registries. */
export interface ImageStore {
  /** The image's bytes by digest: a loaded image first, else the registry. Throws `image_not_found`, `unreachable` … */
  resolve(ref: string): Promise<ResolvedImage>;
  /** Takes an OCI or docker archive; throws `invalid` and keeps nothing if it is neither. */
  load(chunks: AsyncIterable<Uint8Array>, fileName: string): Promise<readonly LoadedImage[]>;
  list(): readonly LoadedImage[];
  /** Throws `not_found` for what no loaded image has. */
  readBlob(digest: string): Promise<ReadStream>;
}

/** A registry that is asked for a digest must answer within, ms. */
const registryTimeoutMs = 20_000;
const copyTimeoutMs = 300_000;

export async function openImageStore(deps: ImageStoreDeps): Promise<ImageStore> {
  await mkdir(join(deps.dir, 'blobs', 'sha256'), { recursive: true, mode: 0o700 });
  const text = await readFile(join(deps.dir, 'index.json'), 'utf8').catch(() => '[]');
  return new FileImageStore(deps, JSON.parse(text) as LoadedImage[]);
}

class FileImageStore implements ImageStore {
  readonly #deps: ImageStoreDeps;
  #images: readonly LoadedImage[];

  constructor(deps: ImageStoreDeps, images: readonly LoadedImage[]) {
    this.#deps = deps;
    this.#images = images;
  }

  list(): readonly LoadedImage[] {
    return this.#images;
  }

  async resolve(ref: string): Promise<ResolvedImage> {
    const wanted = normalize(ref);
    const loaded = this.#images.find((image) => normalize(image.ref) === wanted);
    if (loaded) return { ref, digest: loaded.digest, source: 'loaded' };
    const pinned = /@(sha256:[0-9a-f]{64})$/.exec(ref)?.[1];
    return { ref, digest: pinned ?? (await this.#askRegistry(ref)), source: 'registry' };
  }

  async load(chunks: AsyncIterable<Uint8Array>, fileName: string): Promise<readonly LoadedImage[]> {
    const work = join(this.#deps.dir, `load-${process.pid}-${Math.round(performance.now())}`);
    await mkdir(work, { recursive: true, mode: 0o700 });
    try {
      const archive = join(work, 'archive');
      await store(archive, chunks);
      const images: LoadedImage[] = [];
      for (const { transport, ref } of await this.#contents(archive, fileName)) {
        images.push(await this.#import(`${transport}:${archive}${ref.suffix}`, ref.name, work));
      }
      await this.#remember(images);
      return images;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async readBlob(digest: string): Promise<ReadStream> {
    const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
    const path = hex === undefined ? undefined : join(this.#deps.dir, 'blobs', 'sha256', hex);
    const there = path !== undefined && (await stat(path).then(() => true, () => false)); // prettier-ignore
    if (path === undefined || !there)
      throw new GantryError('not_found', `no loaded image has the blob ${digest}`);
    return createReadStream(path, { highWaterMark: 256 << 10 });
  }

  /** What is in the archive: docker archives and OCI archives name their images in different files. */
  async #contents(archive: string, fileName: string): Promise<readonly Content[]> {
    const read = async (name: string): Promise<unknown> => {
      const { code, stdout } = await this.#deps.exec(['tar', '-xOf', archive, name], { maxOutput: 4 << 20 });
      return code === 0 ? (JSON.parse(stdout) as unknown) : undefined;
    };
    try {
      const docker = (await read('manifest.json')) as { RepoTags?: string[] }[] | undefined;
      if (docker) {
        const tags = docker.flatMap(({ RepoTags }) => RepoTags ?? []);
        if (tags.length === 0)
          throw new GantryError('invalid', `${fileName} names no image: save it with a name and tag`);
        return tags.map((tag) => ({ transport: 'docker-archive', ref: { name: tag, suffix: `:${tag}` } }));
      }
      const oci = (await read('index.json')) as
        { manifests?: { annotations?: Record<string, string> }[] } | undefined;
      const names = (oci?.manifests ?? []).flatMap(({ annotations }) => annotations?.[refAnnotation] ?? []);
      if (names.length > 0)
        return names.map((name) => ({ transport: 'oci-archive', ref: { name, suffix: `:${name}` } }));
      if (oci)
        throw new GantryError('invalid', `${fileName} names no image: its index has no ${refAnnotation}`);
    } catch (error) {
      if (error instanceof GantryError) throw error;
    }
    throw new GantryError('invalid', `${fileName} is neither a docker archive nor an OCI archive`, {
      hint: 'make one with `docker save NAME:TAG -o FILE`',
    });
  }

  async #import(source: string, ref: string, work: string): Promise<LoadedImage> {
    const layout = join(work, 'oci');
    await rm(layout, { recursive: true, force: true });
    const argv = [
      'skopeo', '--insecure-policy', 'copy', '--quiet', '--dest-shared-blob-dir', join(this.#deps.dir, 'blobs'),
      source, `oci:${layout}:image`,
    ]; // prettier-ignore
    const { code, stderr } = await this.#deps.exec(argv, { timeoutMs: copyTimeoutMs });
    if (code !== 0) {
      const said = /msg="((?:[^"\\]|\\.)*)"/.exec(stderr)?.[1] ?? stderr.trim();
      throw new GantryError('invalid', `${ref} could not be read from the archive: ${said.slice(0, 300)}`);
    }
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    const digest = index.manifests[0]?.digest ?? '';
    return { ref, digest, sizeBytes: await this.#sizeOf(digest), loadedAt: this.#deps.clock.now() };
  }

  async #sizeOf(digest: string): Promise<number> {
    const file = join(this.#deps.dir, 'blobs', 'sha256', digest.replace('sha256:', ''));
    const { layers } = JSON.parse(await readFile(file, 'utf8')) as { layers: { size: number }[] };
    return layers.reduce((sum, { size }) => sum + size, 0);
  }

  async #remember(images: readonly LoadedImage[]): Promise<void> {
    const fresh = new Set(images.map(({ ref }) => normalize(ref)));
    this.#images = [...this.#images.filter(({ ref }) => !fresh.has(normalize(ref))), ...images];
    const file = join(this.#deps.dir, 'index.json');
    await writeFile(`${file}.tmp`, JSON.stringify(this.#images, undefined, 1), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  }

  /** The digest that a tag means now; all replicas run it. */
  async #askRegistry(ref: string): Promise<string> {
    const insecure = isInsecure(ref, this.#deps.insecureRegistries);
    const argv = [
      'skopeo', 'inspect', '--no-tags', '--format', '{{.Digest}}', ...(insecure ? ['--tls-verify=false'] : []),
      `docker://${ref}`,
    ]; // prettier-ignore
    const { code, stdout, stderr } = await this.#deps
      .exec(argv, { timeoutMs: registryTimeoutMs })
      .catch(() => {
        throw new GantryError('unreachable', `image ${ref}: the registry did not answer in time`, {
          hint: loadHint,
        });
      });
    const digest = stdout.trim();
    if (code === 0 && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
    if (/manifest unknown|name unknown|not found|denied|unauthorized/i.test(stderr)) {
      throw new GantryError(
        'image_not_found',
        `image ${ref} does not exist, or its registry refuses access`,
        { hint: loadHint },
      );
    }
    throw new GantryError(
      'image_not_found',
      `image ${ref} is not loaded, and ${registryOf(ref)} cannot be reached`,
      {
        hint: loadHint,
      },
    );
  }
}

interface Content {
  readonly transport: 'docker-archive' | 'oci-archive';
  readonly ref: { readonly name: string; readonly suffix: string };
}

const refAnnotation = 'org.opencontainers.image.ref.name';
const loadHint = 'gantry image load FILE, or push it to a registry that the cluster can reach';

function isInsecure(ref: string, listed: readonly string[]): boolean {
  const registry = registryOf(ref);
  return listed.includes(registry) || /^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(registry);
}

async function store(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) await file.write(chunk);
  } finally {
    await file.close();
  }
}
