import { sleep, type Clock } from './clock.ts';

/** Work that answers for all who asked for it before it began: done at once after a rest, else once for many, a gap later. */
export class Paced {
  readonly #clock: Clock;
  readonly #gapMs: number;
  readonly #work: () => Promise<void>;
  /** The run that has not begun. */
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  #endedAt = -Infinity;

  /** `gapMs` lies between the end of one run and the beginning of the next. */
  constructor(clock: Clock, gapMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#gapMs = gapMs;
    this.#work = work;
  }

  /** Settles as the run that begins next. */
  run(): Promise<void> {
    return (this.#next ??= this.#begin());
  }

  async #begin(): Promise<void> {
    await this.#running;
    const wait = this.#endedAt + this.#gapMs - this.#clock.monotonic();
    if (wait > 0) await sleep(this.#clock, wait);
    this.#next = undefined;
    const work = this.#work();
    this.#running = work
      .catch(() => undefined)
      .then(() => {
        this.#endedAt = this.#clock.monotonic();
      });
    return work;
  }
}
