import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { LogSpec } from '@gantry/model/logging';
import { KeptLog } from './kept-log.ts';

/** Events tell of new files at once; should one be missed, it is found this often, ms. */
const lookMs = 30_000;

/**
 * Keeps the files that monitors begin, for all containers of this host. A monitor bounds its file by itself, whatever the agent
 * does; being there in time only decides how much is kept. What is written is no event: only a new file is.
 */
export class Keeper {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #logs = new Map<string, KeptLog>();
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  async begin(id: string, dir: string, spec: LogSpec): Promise<void> {
    this.#logs.get(id)?.close();
    const kept = new KeptLog(dir, spec);
    this.#logs.set(id, kept);
    await kept.begin();
    this.#schedule();
  }

  /** A last look; then its log is no longer written to. */
  async end(id: string): Promise<void> {
    const kept = this.#logs.get(id);
    this.#logs.delete(id);
    await kept?.look().finally(() => kept.close());
  }

  forget(id: string): void {
    this.#logs.get(id)?.close();
    this.#logs.delete(id);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    for (const kept of this.#logs.values()) kept.close();
    this.#logs.clear();
  }

  #schedule(): void {
    if (this.#closed || this.#cancel || this.#logs.size === 0) return;
    this.#cancel = this.#clock.after(lookMs, () => {
      this.#cancel = undefined;
      void this.#lookAtAll().then(() => this.#schedule());
    });
  }

  async #lookAtAll(): Promise<void> {
    for (const [id, kept] of [...this.#logs]) {
      // The disk is full or gone: what is there stays, and the next look tries again.
      await kept
        .look()
        .catch((error: unknown) => this.#log.debug('a log could not be kept', { id, error: String(error) }));
    }
  }
}
