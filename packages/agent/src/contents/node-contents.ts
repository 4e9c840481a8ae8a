import { existsSync, mkdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Contents, ContentsInput, FetchContent } from './contents.ts';
import { Values } from './values.ts';
import { writeNewFile } from './write-file.ts';

export interface NodeContentsDeps {
  /** `<run-dir>/contents`. */
  readonly dir: string;
  readonly exec: Exec;
  readonly fetch: FetchContent;
}

/** What statfs(2) says of a file system in memory. */
const tmpfsMagic = 0x01021994;
/** What was laid out, as its mounts say: written last, so that it stands for the whole. */
const whole = 'whole';
const page = 4_096;

/** Contents in a tmpfs a task, `<dir>/<task>`, that only root can enter; each file is mounted into the container by itself. */
export class NodeContents implements Contents {
  readonly #dir: string;
  readonly #exec: Exec;
  readonly #values: Values;
  /** False once the kernel has refused `noswap` (before 6.4). */
  #noswap = true;

  constructor({ dir, exec, fetch }: NodeContentsDeps) {
    this.#dir = dir;
    this.#exec = exec;
    this.#values = new Values(fetch);
  }

  async prepare({ taskId, mounts }: ContentsInput): Promise<ReadonlyMap<string, string>> {
    const point = join(this.#dir, taskId);
    const sources = new Map(mounts.map(({ target }, index) => [target, join(point, String(index))]));
    const description = JSON.stringify(mounts);
    if (mounts.length === 0 || this.#isWhole(point, description)) return sources;
    const values = await Promise.all(mounts.map((mount) => this.#values.get(taskId, mount)));
    await this.#unmount(point);
    await this.#mount(
      point,
      values.map(({ length }) => length),
    );
    mounts.forEach((mount, index) =>
      writeNewFile(join(point, String(index)), values[index] ?? new Uint8Array(), mount),
    );
    writeNewFile(join(point, whole), Buffer.from(description), { uid: 0, gid: 0, mode: 0o400 });
    return sources;
  }

  async release(taskId: string): Promise<void> {
    this.#values.release(taskId);
    await this.#unmount(join(this.#dir, taskId));
  }

  held(): Promise<readonly string[]> {
    return readdir(this.#dir).catch(() => []);
  }

  #isWhole(point: string, description: string): boolean {
    if (!isMounted(point)) return false;
    try {
      return readFileSync(join(point, whole), 'utf8') === description;
    } catch {
      return false;
    }
  }

  async #mount(point: string, sizes: readonly number[]): Promise<void> {
    mkdirSync(point, { recursive: true, mode: 0o700 });
    const pages = sizes.reduce((sum, size) => sum + Math.ceil(size / page), 2);
    const options = `nosuid,nodev,noexec,mode=0700,size=${pages * page},nr_inodes=${sizes.length + 4}`;
    const mounted = this.#noswap && (await this.#mountTmpfs(point, `${options},noswap`)) === undefined;
    if (!mounted) {
      this.#noswap = false;
      const problem = await this.#mountTmpfs(point, options);
      if (problem !== undefined)
        throw new GantryError('internal', `memory for configs and secrets could not be mounted: ${problem}`);
    }
    // A secret on a disk would outlive its task.
    if (statfsSync(point).type !== tmpfsMagic)
      throw new GantryError('internal', `${point} is not in memory: no secret is written there`);
  }

  /** What mount says when it cannot; undefined when it can. */
  async #mountTmpfs(point: string, options: string): Promise<string | undefined> {
    const argv = ['mount', '--no-canonicalize', '-t', 'tmpfs', '-o', options, 'gantry-contents', point];
    const { code, stderr } = await this.#exec(argv);
    return code === 0 ? undefined : stderr.trim();
  }

  async #unmount(point: string): Promise<void> {
    if (!existsSync(point)) return;
    if (isMounted(point)) {
      const { code } = await this.#exec(['umount', '--no-canonicalize', point]);
      if (code !== 0) await this.#exec(['umount', '--no-canonicalize', '--lazy', point]);
    }
    if (isMounted(point)) throw new GantryError('internal', `${point} cannot be unmounted`);
    await rmdir(point).catch(ignoreMissing);
  }
}

/** A mount point is on another device than the directory that it is in. */
function isMounted(point: string): boolean {
  const at = statSync(point, { throwIfNoEntry: false });
  return at !== undefined && at.dev !== statSync(join(point, '..')).dev;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
