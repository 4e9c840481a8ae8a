import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { volumeNamePattern } from '@gantry/model/volume';
import { openBelow, pathOf } from './safe-path.ts';

/** Copying what an image has into a new volume may take as long as a pull, ms. */
const fillTimeoutMs = 300_000;

interface VolumeFile {
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: number;
}

/** Where a new volume's content comes from. */
export interface Filling {
  readonly rootfs: string;
  readonly target: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** Named volumes on disk: `<dir>/<name>/{volume.json,data}`. A volume is there once its file is. */
export class VolumeStore {
  readonly #dir: string;
  readonly #exec: Exec;
  readonly #clock: Clock;

  constructor(dir: string, exec: Exec, clock: Clock) {
    this.#dir = dir;
    this.#exec = exec;
    this.#clock = clock;
  }

  data(name: string): string {
    return join(this.#of(name), 'data');
  }

  async names(): Promise<readonly string[]> {
    const names = await readdir(this.#dir).catch((): string[] => []);
    const there = await Promise.all(names.map(async (name) => ((await this.read(name)) ? [name] : [])));
    return there.flat().sort();
  }

  async read(name: string): Promise<VolumeFile | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#of(name), 'volume.json'), 'utf8')) as VolumeFile;
    } catch {
      return undefined;
    }
  }

  /** Makes the volume if it is not there; true if it was made. */
  async create(name: string, labels: Readonly<Record<string, string>>): Promise<boolean> {
    if (!volumeNamePattern.test(name))
      throw new GantryError('invalid', `"${name}" is not a name for a volume`);
    if (await this.read(name)) return false;
    await mkdir(this.data(name), { recursive: true, mode: 0o755 });
    const file = join(this.#of(name), 'volume.json');
    const text: VolumeFile = { labels, createdAt: this.#clock.now() };
    await writeFile(`${file}.tmp`, JSON.stringify(text), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    return true;
  }

  /**
   * An empty volume gets what the image has at the target, with owners and modes; where the image has nothing it belongs to
   * the container's user. All or nothing: a copy that was broken off is begun anew.
   */
  async fill(name: string, filling: Filling): Promise<void> {
    const data = this.data(name);
    if ((await readdir(data)).length > 0) return;
    const fresh = join(this.#of(name), 'data.new');
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o755 });
    if (await this.#copy(filling, fresh)) await rename(fresh, data);
    else {
      await rm(fresh, { recursive: true });
      if (await isUntouched(data)) await chown(data, filling.owner.uid, filling.owner.gid);
    }
  }

  async #copy({ rootfs, target }: Filling, to: string): Promise<boolean> {
    const from = await openBelow(rootfs, target, 'inside');
    if (!from) return false;
    try {
      if (!(await from.stat()).isDirectory()) return false;
      const argv = ['cp', '--archive', '--no-target-directory', `${pathOf(from)}/.`, to];
      const result = await this.#exec(argv, { timeoutMs: fillTimeoutMs });
      if (result.code === 0) return true;
      throw new GantryError(
        'internal',
        `a new volume could not be filled: ${result.stderr.trim().slice(-300)}`,
      );
    } finally {
      await from.close();
    }
  }

  /** Its file goes first, so that a volume that is half deleted is none; `cleanUp` finishes it. */
  async remove(name: string): Promise<void> {
    await rm(join(this.#of(name), 'volume.json'), { force: true });
    await rm(this.#of(name), { recursive: true, force: true });
  }

  /** Finishes deletions that an agent did not live to finish. */
  async cleanUp(): Promise<void> {
    for (const name of await readdir(this.#dir).catch((): string[] => [])) {
      if (!(await this.read(name))) await this.remove(name);
    }
  }

  #of(name: string): string {
    return join(this.#dir, name);
  }
}

async function isUntouched(dir: string): Promise<boolean> {
  const { uid, gid } = await stat(dir);
  return uid === 0 && gid === 0;
}
