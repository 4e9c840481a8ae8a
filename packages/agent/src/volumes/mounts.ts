import { mkdir, readdir, readFile, realpath, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { openBelow, pathOf, type Links } from './safe-path.ts';

/** Mount points of one task: parts of volumes and paths of the host, pinned before the container sees them. */
export class TaskMounts {
  readonly #dir: string;
  readonly #exec: Exec;

  /** `<dir>/<task>/<number>`. */
  constructor(dir: string, exec: Exec) {
    this.#dir = dir;
    this.#exec = exec;
  }

  async tasks(): Promise<readonly string[]> {
    return readdir(this.#dir).catch(() => []);
  }

  /** A directory of the task's own that is deleted with it. */
  async ownDirectory(taskId: string, index: number): Promise<string> {
    const dir = join(this.#dir, taskId, `own-${index}`);
    await mkdir(dir, { recursive: true, mode: 0o755 });
    return dir;
  }

  /**
   * Mounts what `path` below `root` is now at a place of the task's, so that no later change of a link or name leads the
   * container elsewhere. Undefined if it is not there.
   */
  async pin(
    taskId: string,
    index: number,
    root: string,
    path: string,
    links: Links,
  ): Promise<string | undefined> {
    const point = join(this.#dir, taskId, String(index));
    if (await isMounted(point)) return point;
    const handle = await openBelow(root, path, links);
    if (!handle) return undefined;
    try {
      await makePoint(point, handle);
      const argv = ['mount', '--no-canonicalize', '--bind', pathOf(handle), point];
      const result = await this.#exec(argv);
      if (result.code === 0) return point;
      throw new GantryError('internal', `${path} could not be mounted: ${result.stderr.trim()}`);
    } finally {
      await handle.close();
    }
  }

  /** Names of the volumes that a task uses, kept so that the next agent knows. */
  async keepNames(taskId: string, names: readonly string[]): Promise<void> {
    await mkdir(join(this.#dir, taskId), { recursive: true, mode: 0o711 });
    await writeFile(join(this.#dir, taskId, 'volumes.json'), JSON.stringify(names), { mode: 0o600 });
  }

  async names(taskId: string): Promise<readonly string[]> {
    try {
      return JSON.parse(await readFile(join(this.#dir, taskId, 'volumes.json'), 'utf8')) as string[];
    } catch {
      return [];
    }
  }

  /** Unmounts and forgets. What is mounted is never deleted through: a point that stays mounted is an error. */
  async release(taskId: string): Promise<void> {
    const dir = join(this.#dir, taskId);
    for (const name of await readdir(dir).catch((): string[] => [])) {
      const path = join(dir, name);
      if (/^\d+$/.test(name)) await this.#unmount(path);
      else if (name.startsWith('own-')) await rm(path, { recursive: true, force: true });
      else await unlink(path).catch(ignoreMissing);
    }
    await rmdir(dir).catch(ignoreMissing);
  }

  async #unmount(point: string): Promise<void> {
    if (await isMounted(point)) {
      const result = await this.#exec(['umount', point]);
      if (result.code !== 0) await this.#exec(['umount', '--lazy', point]);
    }
    if (await isMounted(point)) throw new GantryError('internal', `${point} cannot be unmounted`);
    await rmdir(point).catch(() => unlink(point).catch(ignoreMissing));
  }
}

/** The allowed root that a path of the host is below once all links are followed, and the rest; throws in words else. */
export async function belowAllowed(
  source: string,
  roots: readonly string[],
  create: boolean,
): Promise<{ readonly root: string; readonly rest: string }> {
  const real = await realpath(await existing(source));
  for (const allowed of roots) {
    const root = await realpath(allowed).catch(() => undefined);
    if (root === undefined || !isBelow(real, root)) continue;
    if (create) await mkdir(source, { recursive: true, mode: 0o755 });
    const rest = relative(root, await realpath(source).catch(() => source));
    // A single file may be what is allowed.
    return rest === '' ? { root: dirname(root), rest: relative(dirname(root), root) } : { root, rest };
  }
  throw new GantryError(
    'not_allowed',
    `${source} leads to ${real}, which this host does not allow in containers`,
    {
      hint: `its agent would need --allow-bind ${real}`,
    },
  );
}

/** The path itself or the nearest directory above it that is there. */
async function existing(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await realpath(at).catch(() => undefined);
    if (found !== undefined || at === '/') return at;
  }
}

function isBelow(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`);
}

async function makePoint(point: string, handle: FileHandle): Promise<void> {
  await mkdir(dirname(point), { recursive: true, mode: 0o711 });
  if ((await handle.stat()).isDirectory()) await mkdir(point, { recursive: true });
  else await writeFile(point, '');
}

async function isMounted(path: string): Promise<boolean> {
  return (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
