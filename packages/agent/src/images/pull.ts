import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { ResolvedImage } from '@gantry/model/service';
import { Blobs } from '@gantry/kit/blobs';
import type { ImageRecord, LayerRecord } from './image-index.ts';
import type { PullProgress } from './images.ts';
import {
  choosePlatform,
  maxDocumentBytes,
  parseImageConfig,
  parseManifest,
  type Manifest,
} from './manifest.ts';
import type { SharedWork } from './shared-work.ts';
import type { ImageSource } from './source.ts';
import { isUnpacked, layerName, unpackLayer, type UnpackDeps } from './unpack.ts';

export interface PullDeps {
  /** Manifests and configs. */
  readonly blobs: Blobs;
  readonly unpacking: UnpackDeps;
  readonly unpacks: SharedWork<number>;
  /** Pulls in progress stand here, a directory each. */
  readonly pullsDir: string;
  /** Layers of other images here, by the digest of their bytes. */
  readonly known: () => ReadonlyMap<string, LayerRecord>;
  readonly arch: string;
  readonly now: () => number;
}

type Report = (progress: PullProgress) => void;

/**
 * Brings an image onto this host: manifest, config and layers, each verified, the layers unpacked. Their bytes are not
 * kept: after a failure that may pass they stay for the next attempt, else nothing does.
 */
export async function pullImage(
  deps: PullDeps,
  image: ResolvedImage,
  source: ImageSource,
  report: Report,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const dir = join(deps.pullsDir, layerName(image.digest));
  try {
    const manifest = await platformManifest(deps, image.digest, source, signal);
    const missing = await missingLayers(deps, manifest);
    await prepare(dir, manifest, missing);
    await fetchAll(source, manifest, dir, missing, report, signal);
    const record = await unpackAll(deps, image, manifest, dir, report, signal);
    await rm(dir, { recursive: true, force: true });
    return record;
  } catch (error) {
    if (!(error instanceof GantryError && error.retryable)) await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

type Chosen = Manifest & { readonly digest: string };

/** The manifest of this digest, or the one of this host's platform in its list; kept once it is verified. */
async function platformManifest(
  deps: PullDeps,
  digest: string,
  source: ImageSource,
  signal: AbortSignal,
): Promise<Chosen> {
  const first = await document(deps, digest, source, signal);
  if ('layers' in first) return { ...first, digest };
  const entry = choosePlatform(first, deps.arch);
  const second = await document(deps, entry.digest, source, signal);
  if ('layers' in second) return { ...second, digest: entry.digest };
  throw refused('its list of manifests leads to another list');
}

async function document({ blobs }: PullDeps, digest: string, source: ImageSource, signal: AbortSignal) {
  if (!(await blobs.has(digest))) {
    const bytes = await source.document(digest, maxDocumentBytes, signal);
    if (bytes.length > maxDocumentBytes) throw refused('its manifest is too large');
    await blobs.put(digest, [bytes], bytes.length);
  }
  return parseManifest(await blobs.read(digest, maxDocumentBytes));
}

async function missingLayers(
  { known, unpacking }: PullDeps,
  { layers }: Chosen,
): Promise<Manifest['layers']> {
  const here = known();
  const there = await Promise.all(
    layers.map(async ({ digest }) => {
      const diffId = here.get(digest)?.diffId;
      return diffId !== undefined && (await isUnpacked(unpacking, diffId));
    }),
  );
  return layers.filter((_, index) => there[index] !== true);
}

/** Layers that are unpacked already stand for themselves as empty files of their size, so that nobody fetches them. */
async function prepare(dir: string, { layers }: Chosen, missing: Manifest['layers']): Promise<void> {
  const blobs = join(dir, 'blobs');
  await new Blobs(blobs).open();
  await rm(join(dir, 'layout'), { recursive: true, force: true });
  await mkdir(join(dir, 'layout'), { mode: 0o700 });
  for (const layer of layers) {
    if (missing.includes(layer)) continue;
    const file = await open(new Blobs(blobs).path(layer.digest), 'w', 0o600);
    await file.truncate(layer.size);
    await file.close();
  }
}

async function fetchAll(
  source: ImageSource,
  manifest: Chosen,
  dir: string,
  missing: Manifest['layers'],
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  const onBytes = (bytes: number): void => report({ doing: 'pulling', done: Math.min(bytes, total), total });
  await source.fetch({ manifest, dir, missing, onBytes, signal });
  const blobs = new Blobs(join(dir, 'blobs'));
  for (const { digest, size } of [...missing, { digest: manifest.config, size: manifest.configSize }]) {
    const found = await blobs.size(digest);
    if (found !== size) throw refused(`${digest} has ${found ?? 'no'} bytes instead of ${size}`);
  }
}

async function unpackAll(
  deps: PullDeps,
  image: ResolvedImage,
  manifest: Chosen,
  dir: string,
  report: Report,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const pulled = new Blobs(join(dir, 'blobs'));
  const bytes = await pulled.read(manifest.config, maxDocumentBytes);
  await deps.blobs.put(manifest.config, [bytes], bytes.length);
  const { diffIds } = parseImageConfig(bytes);
  if (diffIds.length !== manifest.layers.length) throw refused('manifest and config count different layers');
  const known = deps.known();
  let done = 0;
  const unpackOne = async (
    { digest, size }: Manifest['layers'][number],
    index: number,
  ): Promise<LayerRecord> => {
    const diffId = diffIds[index] ?? '';
    const layer = { path: pulled.path(digest), diffId };
    const unpacked = await deps.unpacks.do(
      diffId,
      (shared) => unpackLayer(deps.unpacking, layer, shared),
      signal,
    );
    report({ doing: 'unpacking', done: ++done, total: diffIds.length });
    return { digest, diffId, bytes: unpacked || (known.get(digest)?.bytes ?? size) };
  };
  report({ doing: 'unpacking', done: 0, total: diffIds.length });
  const layers = await Promise.all(manifest.layers.map(unpackOne));
  const { digest, ref } = image;
  return { digest, ref, config: manifest.config, manifest: manifest.digest, layers, usedAt: deps.now() };
}

function refused(why: string): GantryError {
  return new GantryError('image_refused', `the image is refused: ${why}`);
}
