import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Gives a secret to a program that wants a file: in memory where the host has such a place, only for root, only as long. */
export async function withSecretFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join('/dev/shm', 'gantry-')).catch(() => mkdtemp(join(tmpdir(), 'gantry-')));
  try {
    const path = join(dir, 'secret');
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
    return await use(path);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
