import { createHash } from 'node:crypto';
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { GantryError } from '@gantry/kit/errors';
import { hexOf } from '@gantry/kit/blobs';
import { refuse } from './layer/entry.ts';
import { LayerFilter } from './layer/filter.ts';
import type { Jail, Jailed } from './layer/jail.ts';
import { openPlain, type Plain } from './layer/plain.ts';
import { defaultLimits, type LayerLimits } from './layer/rules.ts';

/** Directories that the runtime mounts over: as symlinks they would lead its mounts astray (CVE-2026-41579). */
const mustBeDirectories = ['', 'dev', 'proc', 'sys', 'etc', 'run'];

export interface Layer {
  /** File with the bytes as they came: plain, gzip or zstd, as their first bytes say. */
  readonly path: string;
  /** Digest of the uncompressed tar, from the image's config. */
  readonly diffId: string;
}

export interface UnpackDeps {
  readonly jail: Jail;
  /** Unpacked layers stand here, by name. */
  readonly dir: string;
  readonly limits?: LayerLimits;
}

/** The directory of an unpacked layer: short, because overlayfs takes at most 4 KiB of options. */
export function layerName(diffId: string): string {
  return hexOf(diffId).slice(0, 32);
}

/** Ends the names of layers that are being unpacked, or never were to the end. */
export const unfinished = '.tmp';

/** True if a layer of this diff id was unpacked, whole. */
export function isUnpacked({ dir }: Pick<UnpackDeps, 'dir'>, diffId: string): Promise<boolean> {
  return exists(join(dir, layerName(diffId)));
}

/**
 * Unpacks a layer once; whole or not at all. Answers with the bytes of its archive, 0 if it was there. Throws
 * `image_refused` for bytes that are not what they should be.
 */
export async function unpackLayer(deps: UnpackDeps, layer: Layer, signal: AbortSignal): Promise<number> {
  const target = join(deps.dir, layerName(layer.diffId));
  if (await exists(target)) return 0;
  const root = `${target}.${process.pid}.${Math.round(performance.now())}${unfinished}`;
  const unpacked = join(root, 'layer');
  try {
    await mkdir(unpacked, { recursive: true, mode: 0o755 });
    await deps.jail.furnish(root);
    const { digest, bytes } = await extract(deps, root, layer, signal);
    if (digest !== layer.diffId) refuse(`a layer unpacks to ${digest} instead of ${layer.diffId}`);
    await checkDirectories(unpacked);
    await rename(unpacked, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error; // else another was quicker
    });
    return bytes;
  } catch (error) {
    throw isDiskFull(error) ? diskFull() : error;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The uncompressed archive. */
interface Unpacked {
  readonly digest: string;
  readonly bytes: number;
}

/** Streams the layer through filter and tar. */
async function extract(deps: UnpackDeps, root: string, layer: Layer, signal: AbortSignal): Promise<Unpacked> {
  const limits = deps.limits ?? defaultLimits;
  const plain = await openPlain(deps.jail, root, layer.path);
  const tar = deps.jail.run(root, tarArgv, 'pipe', 'ignore');
  const stop = (): void => {
    tar.kill();
    void plain.close();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const unpacked = await feed(plain, tar, limits);
    const said = await tar.ended;
    if (said !== '') throw tarFailed(said);
    return unpacked;
  } catch (error) {
    stop();
    if (signal.aborted) throw new GantryError('cancelled', 'the layer is no longer wanted');
    if (error instanceof GantryError) throw error;
    const said = await tar.ended;
    throw error instanceof TarEnded ? tarFailed(said) : broken(error);
  } finally {
    signal.removeEventListener('abort', stop);
    await tar.ended;
    await plain.close();
  }
}

/**
 * GNU tar, which reads only headers that the filter wrote. `--absolute-names` makes it create symlinks where they stand:
 * else it makes them at its end, and may then replace what came after them.
 */
const tarArgv = [
  'tar', '--extract', '--file=-', '--preserve-permissions', '--same-owner', '--numeric-owner', '--xattrs',
  '--xattrs-include=*', '--absolute-names', '--delay-directory-restore', '--warning=no-timestamp',
]; // prettier-ignore

class TarEnded extends Error {}

async function feed(plain: Plain, tar: Jailed, limits: LayerLimits): Promise<Unpacked> {
  if (!tar.stdin) throw new TarEnded();
  const filter = new LayerFilter(limits);
  const hash = createHash('sha256');
  const most = Math.max(limits.ratioFreeBytes, limits.maxRatio * plain.compressedBytes);
  let bytes = 0;
  for await (const chunk of plain.chunks) {
    bytes += chunk.length;
    if (bytes > most) refuse(`a layer unpacks to more than ${limits.maxRatio} times its size`);
    hash.update(chunk);
    await write(tar.stdin, filter.push(chunk));
  }
  await plain.finished();
  await write(tar.stdin, filter.end());
  tar.stdin.end();
  return { digest: `sha256:${hash.digest('hex')}`, bytes };
}

/** One system call for many small pieces; resolves when there is room for more. */
function write(stream: Writable, pieces: readonly Buffer[]): Promise<void> {
  if (stream.destroyed) return Promise.reject(new TarEnded());
  if (pieces.length === 0) return Promise.resolve();
  stream.cork();
  let room = true;
  for (const piece of pieces) room = stream.write(piece);
  stream.uncork();
  if (room) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onDrain = (): void => {
      stream.off('close', onClose);
      resolve();
    };
    const onClose = (): void => {
      stream.off('drain', onDrain);
      reject(new TarEnded());
    };
    stream.once('drain', onDrain).once('close', onClose);
  });
}

function tarFailed(said: string): GantryError {
  if (/No space left on device|Disk quota exceeded|Wrote only \d+ of/.test(said)) return diskFull();
  return new GantryError('image_refused', `the image is refused: a layer could not be unpacked: ${said}`);
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function diskFull(): GantryError {
  return new GantryError('exhausted', 'a layer does not fit on the disk of this host', {
    hint: 'free space on the host',
  });
}

function broken(cause: unknown): GantryError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new GantryError('image_refused', `the image is refused: a layer cannot be decompressed: ${words}`, {
    cause,
  });
}

async function checkDirectories(layer: string): Promise<void> {
  for (const name of mustBeDirectories) {
    const info = await lstat(join(layer, name)).catch(() => undefined);
    // A whiteout (character device) may remove a directory of a lower layer; the runtime makes it anew.
    if (info && !info.isDirectory() && !info.isCharacterDevice())
      refuse(`/${name} in a layer is not a directory`);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
