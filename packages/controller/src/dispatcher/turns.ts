import type { Clock } from '@gantry/kit/clock';

/** Telling hosts goes on for at most this long before others get the thread, ms. */
const sliceMs = 10;

/** Does pieces of work one after another in their order, and gives the thread away in between: a round goes to a thousand hosts. */
export class Turns {
  readonly #clock: Pick<Clock, 'soon' | 'monotonic'>;
  #waiting: (() => void)[] = [];
  #next = 0;

  constructor(clock: Pick<Clock, 'soon' | 'monotonic'>) {
    this.#clock = clock;
  }

  /** Does it when all that is due in this turn of the event loop, and all that was asked for before, has been done. */
  soon(work: () => void): void {
    this.#waiting.push(work);
    if (this.#waiting.length === 1) this.#clock.soon(() => this.#work());
  }

  #work(): void {
    const until = this.#clock.monotonic() + sliceMs;
    try {
      while (this.#next < this.#waiting.length && this.#clock.monotonic() <= until)
        this.#waiting[this.#next++]?.();
    } finally {
      if (this.#next < this.#waiting.length) this.#clock.soon(() => this.#work());
      else {
        this.#waiting = [];
        this.#next = 0;
      }
    }
  }
}
