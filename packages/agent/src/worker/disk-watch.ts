import { rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { diskError } from './disk.ts';

export interface DiskWatchDeps {
  /** The state directory. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the disk takes writes again. */
  readonly onRecovered: () => Promise<void>;
}

/** Between two looks, ms; and how long one may take before the disk counts as hung. */
const everyMs = 5_000;
const hungMs = 10_000;
/** Below this share of free blocks no image is pulled: layers would fill what is left for records and logs. */
const leastFree = 0.05;

/** Knows whether the disk of the state directory takes what an agent has to write. It recovers without a restart. */
export class DiskWatch {
  readonly #deps: DiskWatchDeps;
  #pressure: string | undefined;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
  }

  /** Why nothing new should be put on the disk, in words; undefined while all is well. */
  get pressure(): string | undefined {
    return this.#pressure;
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
    let cancel: () => void = () => undefined;
    const hung = new Promise<string>((resolve) => {
      cancel = this.#deps.clock.after(hungMs, () => resolve('the disk of the state directory hangs'));
    });
    const answer = await Promise.race([this.#try(), hung]);
    cancel();
    return answer;
  }

  async #try(): Promise<string | undefined> {
    const probe = join(this.#deps.dir, '.probe');
    try {
      const { blocks, bavail } = await statfs(this.#deps.dir);
      await writeFile(`${probe}.tmp`, 'x'.repeat(4_096));
      await rename(`${probe}.tmp`, probe);
      const free = blocks === 0 ? 1 : bavail / blocks;
      return free >= leastFree
        ? undefined
        : `the disk of the state directory is ${Math.floor((1 - free) * 100)} % full`;
    } catch (error) {
      await rm(`${probe}.tmp`, { force: true }).catch(() => undefined);
      return diskError(error).message;
    }
  }
}
