import { rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { diskError } from './disk.ts';
import { hangs } from './disk-writes.ts';

export interface DiskWatchDeps {
  /** The state directory. */
  readonly dir: string;
  /** Runs a program, at the cost of nobody else if that hangs. */
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the disk takes writes again. */
  readonly onRecovered: () => Promise<void>;
  /** How long a look may take before the disk counts as hung, ms. */
  readonly hungMs?: number;
}

/** Between two looks, and for one, ms. */
const everyMs = 5_000;
const defaultHungMs = 10_000;
/** What hangs in the kernel cannot be killed: it is waited for as long as a timer can, ms. */
const forEver = 2 ** 31 - 1;
/** Below this share of free blocks no image is pulled: layers would fill what is left for records and logs. */
const leastFree = 0.05;

/** Knows whether the disk of the state directory takes what an agent has to write. It recovers without a restart. */
export class DiskWatch {
  readonly #deps: DiskWatchDeps;
  #pressure: string | undefined;
  #cancel: () => void = () => undefined;
  #closed = false;
  #probing: Promise<string | undefined> | undefined;
  #hangs = false;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
  }

  /** Why nothing new should be put on the disk, in words; undefined while all is well. */
  get pressure(): string | undefined {
    return this.#pressure;
  }

  /** The last probe has not come back. */
  get hangs(): boolean {
    return this.#hangs;
  }

  start(): void {
    this.#cancel = this.#deps.clock.after(everyMs, () => {
      void this.look().then(() => {
        if (!this.#closed) this.start();
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** One look, now; never throws. */
  async look(): Promise<void> {
    const before = this.#pressure;
    this.#pressure = await this.#ask();
    if (this.#pressure !== undefined && before === undefined)
      this.#deps.log.warn('DiskPressure: nothing new is started here', { reason: this.#pressure });
    if (before === undefined || this.#pressure !== undefined) return;
    this.#deps.log.info('the disk takes writes again');
    await this.#deps.onRecovered().catch((error: unknown) => {
      this.#deps.log.warn('not all could be kept yet', { error: String(error) });
      this.#pressure = before;
    });
  }

  async #ask(): Promise<string | undefined> {
    this.#probing ??= this.#probe();
    let cancel: () => void = () => undefined;
    const { clock, hungMs = defaultHungMs } = this.#deps;
    const late = new Promise<string>((resolve) => {
      cancel = clock.after(hungMs, () => {
        this.#hangs = true;
        resolve(hangs().message);
      });
    });
    const answer = await Promise.race([this.#probing, late]);
    cancel();
    return answer;
  }

  /**
   * One probe at a time, written by a process of its own: what hangs is that process, and no thread of ours. As long as it
   * hangs no other is started, and when it comes back the disk is looked at anew, at once.
   */
  async #probe(): Promise<string | undefined> {
    const answer = await this.#try();
    this.#probing = undefined;
    if (this.#hangs) {
      this.#hangs = false;
      if (!this.#closed) setImmediate(() => void this.look());
    }
    return answer;
  }

  async #try(): Promise<string | undefined> {
    const probe = join(this.#deps.dir, '.probe');
    const write = [
      'dd',
      'if=/dev/zero',
      `of=${probe}.tmp`,
      'bs=4096',
      'count=1',
      'conv=fdatasync',
      'status=none',
    ];
    try {
      const options = { env: { LC_ALL: 'C' }, timeoutMs: forEver };
      const { code, stderr } = await this.#deps.exec(write, options);
      if (code !== 0) return await this.#failed(`${probe}.tmp`, stderr);
      await rename(`${probe}.tmp`, probe);
      const { blocks, bavail } = await statfs(this.#deps.dir);
      const free = blocks === 0 ? 1 : bavail / blocks;
      return free >= leastFree
        ? undefined
        : `the disk of the state directory is ${Math.floor((1 - free) * 100)} % full`;
    } catch (error) {
      return diskError(error).message;
    }
  }

  async #failed(file: string, said: string): Promise<string> {
    const code = Object.entries(messages).find(([, text]) => said.includes(text))?.[0];
    const words = said.trim().split(': ').at(-1) ?? '';
    await rm(file, { force: true }).catch(() => undefined);
    return diskError(Object.assign(new Error(words), code !== undefined && { code })).message;
  }
}

/** What programs say of the kernel's refusals. */
const messages: Readonly<Record<string, string>> = {
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
  EROFS: 'Read-only file system',
  EIO: 'Input/output error',
};
