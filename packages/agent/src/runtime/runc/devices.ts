import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { OciDevice } from './oci-types.ts';

/** The device behind a path of this host, as it would be made in a container; throws `invalid` if it is none. */
export async function readDevice(path: string): Promise<OciDevice> {
  const device = await deviceAt(path);
  if (device) return device;
  throw new GantryError('invalid', `this host has no device ${path}`, {
    hint: 'place the service where the device is, e.g. by a node label',
  });
}

/** The devices behind some paths, each once. */
export async function readDevices(paths: readonly string[]): Promise<ReadonlyMap<string, OciDevice>> {
  const each = [...new Set(paths)].map(async (path) => [path, await readDevice(path)] as const);
  return new Map(await Promise.all(each));
}

/** Every device below /dev but terminals' and what the container has of its own. */
export async function readAllDevices(dir = '/dev'): Promise<readonly OciDevice[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries.map(async (entry): Promise<readonly OciDevice[]> => {
      const path = join(dir, entry.name);
      if (ownInContainer.has(path)) return [];
      if (entry.isDirectory()) return readAllDevices(path);
      if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
      return [await deviceAt(path)].flatMap((device) => device ?? []);
    }),
  );
  return found.flat();
}

/** Made by runc for each container, or a file system of its own there. */
const ownInContainer: ReadonlySet<string> = new Set(
  [
    ...['console', 'pts', 'ptmx', 'shm', 'mqueue', 'fd', 'init', 'null', 'zero', 'full', 'random', 'urandom'],
    'tty',
  ].map((name) => join('/dev', name)),
);

async function deviceAt(path: string): Promise<OciDevice | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isCharacterDevice() && !found?.isBlockDevice()) return undefined;
  return {
    path,
    type: found.isBlockDevice() ? 'b' : 'c',
    ...deviceNumbers(found.rdev),
    fileMode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
  };
}

/** Major and minor as the C library packs them into st_rdev; the kernel's own have 12 and 20 bits. */
export function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
