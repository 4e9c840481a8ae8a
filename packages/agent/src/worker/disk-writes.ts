import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';

/** Writes at once. Each may hold one of Node's four threads for files for as long as the disk hangs; the others are for the rest. */
const atOnce = 2;
/** A write that takes longer is not waited for, ms; it goes on, and its file is whole or not there. */
const patienceMs = 5_000;

/**
 * Writes to a disk that may hang. A write that does not end in time is answered with `exhausted`, and so is every further one
 * until it has ended: nobody waits for a disk that hangs, and no thread is lost to it but those that found out.
 */
export class DiskWrites {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #late = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A write is overdue. */
  get hung(): boolean {
    return this.#late > 0;
  }

  async run(write: () => Promise<void>): Promise<void> {
    if (this.#late === 0 && this.#running >= atOnce)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#late === 0) return this.#timed(write);
    this.#next();
    throw hangs();
  }

  #timed(write: () => Promise<void>): Promise<void> {
    this.#running++;
    return new Promise((resolve, reject) => {
      let late = false;
      const cancel = this.#clock.after(patienceMs, () => {
        late = true;
        this.#late++;
        reject(hangs());
        // Those that wait hear the same.
        for (const go of this.#waiting.splice(0)) go();
      });
      const ended = (): void => {
        cancel();
        if (late) this.#late--;
        this.#running--;
        this.#next();
      };
      write().finally(ended).then(resolve, reject);
    });
  }

  #next(): void {
    if (this.#running < atOnce) this.#waiting.shift()?.();
  }
}

/** What is said of a disk that does not answer. */
export function hangs(): GantryError {
  return new GantryError('exhausted', 'the disk of the state directory hangs');
}
