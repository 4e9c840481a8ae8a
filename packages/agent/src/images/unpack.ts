import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { GantryError } from '@gantry/kit/errors';
import { hexOf } from './blobs.ts';
import { filterLayer } from './layer-filter.ts';

/** A tar archive may take long on a slow disk, but not for ever, ms. */
const unpackTimeoutMs = 600_000;

/** Directories that the runtime mounts over: as symlinks they would lead its mounts astray (CVE-2026-41579). */
const mustBeDirectories = ['', 'dev', 'proc', 'sys', 'etc', 'run'];

export interface Layer {
  /** Bytes as they came: plain, gzip or zstd. */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly mediaType: string;
  /** Digest of the uncompressed tar, from the image's config. */
  readonly diffId: string;
}

/** The directory of an unpacked layer: short, because overlayfs takes at most 4 KiB of options. */
export function layerName(diffId: string): string {
  return hexOf(diffId).slice(0, 32);
}

/** Unpacks a layer once below `dir`; whole or not at all. Throws `image_refused` for bytes that are not what they should be. */
export async function unpackLayer(dir: string, layer: Layer): Promise<void> {
  const target = join(dir, layerName(layer.diffId));
  if (await exists(target)) return;
  const temporary = `${target}.${process.pid}.${Math.round(performance.now())}.tmp`;
  await mkdir(temporary, { recursive: true, mode: 0o755 });
  try {
    const found = await extract(temporary, layer);
    if (found !== layer.diffId) refuse(`a layer unpacks to ${found} instead of ${layer.diffId}`);
    await checkDirectories(temporary);
    await rename(temporary, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error; // else another was quicker
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Streams the layer through digest and filter into tar; answers with the digest of the uncompressed archive. */
async function extract(target: string, layer: Layer): Promise<string> {
  const hash = createHash('sha256');
  const plain = decompressed(layer);
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of plain) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const tar = startTar(target);
  try {
    await pipeline(Readable.from(filterLayer(hashed()), { objectMode: false }), tar.stdin);
  } catch (cause) {
    tar.kill();
    if (cause instanceof GantryError) throw cause;
    const said = await tar.ended.catch((error: unknown) => String(error));
    throw new GantryError('image_refused', `a layer could not be unpacked: ${said || String(cause)}`, {
      cause,
    });
  }
  const said = await tar.ended;
  if (said !== '') refuse(`a layer could not be unpacked: ${said}`);
  return `sha256:${hash.digest('hex')}`;
}

function decompressed({ bytes, mediaType }: Layer): AsyncIterable<Uint8Array> {
  if (mediaType.endsWith('zstd'))
    return throughChild(['zstd', '-dc', '--no-progress', '--memory=128MB'], bytes);
  if (mediaType.endsWith('.tar')) return bytes;
  const gunzip = createGunzip();
  pipeline(Readable.from(bytes), gunzip).catch((error: unknown) => gunzip.destroy(error as Error));
  return gunzip;
}

function throughChild(argv: readonly string[], bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.once('error', (error) => child.stdout.destroy(error));
  pipeline(Readable.from(bytes), child.stdin).catch((error: unknown) => child.stdout.destroy(error as Error));
  return child.stdout;
}

interface Tar {
  readonly stdin: NonNullable<ChildProcess['stdin']>;
  /** What it said when it ended badly, or nothing. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** GNU tar in a network namespace of its own, reading only names that the filter let through. */
function startTar(target: string): Tar {
  const argv = [
    '--net', '--', 'tar', '--extract', '--file=-', `--directory=${target}`, '--preserve-permissions', '--same-owner',
    '--numeric-owner', '--xattrs', '--xattrs-include=*', '--delay-directory-restore', '--no-overwrite-dir',
  ]; // prettier-ignore
  const child = spawn('unshare', argv, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < 4_096) stderr += chunk.toString('utf8');
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), unpackTimeoutMs);
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve('');
      else
        resolve(stderr.trim().split('\n').at(0) ?? `tar ended by ${signal ?? `exit code ${String(code)}`}`);
    });
  });
  ended.catch(() => undefined); // asked for later
  return { stdin: child.stdin, ended, kill: () => child.kill('SIGKILL') };
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

function refuse(why: string): never {
  throw new GantryError('image_refused', `the image is refused: ${why}`);
}
