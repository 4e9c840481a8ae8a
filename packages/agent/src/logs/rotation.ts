import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { LogSpec } from '@gantry/model/logging';
import { currentOf, keepSegments } from './segments.ts';

/** A quiet log is looked at this often, ms; a loud one more often, down to the least. */
const quietMs = 8_000;
const leastMs = 20;
const firstMs = 100;

interface Watched {
  readonly dir: string;
  readonly spec: LogSpec;
  /** The file that has its number already. */
  inode: number;
  size: number;
  lookedAt: number;
  /** Between looks, ms. */
  wait: number;
  dueAt: number;
}

/**
 * Keeps the files that monitors leave behind when they go on to the next. A monitor bounds its file by itself, whatever the
 * agent does; looking in time only decides how much is kept. Looked at by time, not by events: a write is no event worth
 * waking for, with tens of thousands of them a second.
 */
export class Rotation {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watched = new Map<string, Watched>();
  #cancel: () => void = () => undefined;
  #dueAt = Infinity;
  #closed = false;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  watch(id: string, dir: string, spec: LogSpec): void {
    const now = this.#clock.monotonic();
    this.#watched.set(id, {
      dir,
      spec,
      inode: 0,
      size: 0,
      lookedAt: now,
      wait: firstMs,
      dueAt: now + firstMs,
    });
    this.#schedule();
  }

  /** A last look; then its log is no longer written to. */
  async end(id: string): Promise<void> {
    const watched = this.#watched.get(id);
    if (!watched) return;
    this.#watched.delete(id);
    await this.#look(watched);
  }

  forget(id: string): void {
    this.#watched.delete(id);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    const next = Math.min(...[...this.#watched.values()].map(({ dueAt }) => dueAt));
    if (this.#closed || next >= this.#dueAt || next === Infinity) return;
    this.#cancel();
    this.#dueAt = next;
    this.#cancel = this.#clock.after(Math.max(0, next - this.#clock.monotonic()), () => void this.#turn());
  }

  /** Looks at all that are due now or soon: one wake-up for many. */
  async #turn(): Promise<void> {
    const soon = this.#clock.monotonic() + leastMs;
    const due = [...this.#watched.values()].filter(({ dueAt }) => dueAt <= soon);
    await Promise.all(due.map((watched) => this.#look(watched)));
    this.#dueAt = Infinity;
    this.#schedule();
  }

  async #look(watched: Watched): Promise<void> {
    try {
      const { dir, spec, inode } = watched;
      let current = await currentOf(dir);
      // One question for a log whose file is the same: most are, most of the time.
      if (current && current.inode !== inode) current = await keepSegments(dir, spec.maxFiles);
      watched.inode = current?.inode ?? 0;
      const size = current?.size ?? 0;
      const now = this.#clock.monotonic();
      watched.wait = nextWait(watched, size, now - watched.lookedAt);
      watched.size = size;
      watched.lookedAt = now;
    } catch (error) {
      // The disk is full or gone: what is there stays, and the next look tries again.
      this.#log.debug('a log could not be rotated', { dir: watched.dir, error: String(error) });
      watched.wait = quietMs;
    }
    watched.dueAt = this.#clock.monotonic() + watched.wait;
  }
}

/** Half the time until the file is full at the speed of the last look; twice as long as before while nothing is written. */
export function nextWait(
  before: { readonly size: number; readonly wait: number; readonly spec: LogSpec },
  size: number,
  elapsedMs: number,
): number {
  if (size < before.size) return leastMs; // a new file already
  const written = size - before.size;
  if (written === 0 || elapsedMs <= 0) return Math.min(quietMs, before.wait * 2);
  const untilFull = ((before.spec.maxBytes - size) / written) * elapsedMs;
  return Math.min(quietMs, Math.max(leastMs, untilFull / 2));
}
