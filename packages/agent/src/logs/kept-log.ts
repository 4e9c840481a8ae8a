import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { LogSpec } from '@gantry/model/logging';
import { RotationEvents } from './rotation-events.ts';
import { beginLog, dropOld, hasCurrent, markAway, newestOf, numberTaken, takeCurrent } from './segments.ts';

/** Our own move is heard of within moments; should it not be, the file gets the next number, ms. */
const hearMs = 1_000;

/**
 * Keeps the files of one log. A file that its monitor begins is moved out of the monitor's sight at once, under a number: the
 * monitor writes on in it, and replaces nothing when it goes on to the next. Numbers count the files that were begun, so that
 * one that could not be kept leaves a gap in them.
 */
export class KeptLog {
  readonly #dir: string;
  readonly #spec: LogSpec;
  #events = new RotationEvents(0);
  #newest = 0;
  #watcher: FSWatcher | undefined;
  #heard: (number: number) => void = () => undefined;
  #work: Promise<void> = Promise.resolve();
  #again = false;
  #closed = false;

  constructor(dir: string, spec: LogSpec) {
    this.#dir = dir;
    this.#spec = spec;
  }

  /** Makes the log, or takes up one that was written to without us. */
  async begin(): Promise<void> {
    await beginLog(this.#dir);
    this.#newest = await newestOf(this.#dir);
    this.#events = new RotationEvents(this.#newest);
    this.#listen();
    if (!(await hasCurrent(this.#dir))) return;
    this.#events.begun = this.#newest + 1;
    // Others may have come and gone between the newest that is known and this one.
    if (this.#newest > 0) await markAway(this.#dir, this.#newest + 1);
    await this.look();
  }

  /** Moves what there is to move; one look at a time, and one more for all that is asked for meanwhile. */
  look(): Promise<void> {
    if (this.#again) return this.#work;
    this.#again = true;
    const turn = this.#work.catch(() => undefined); // whoever asked for the last look has heard
    this.#work = turn.then(() => {
      this.#again = false;
      return this.#take();
    });
    return this.#work;
  }

  close(): void {
    this.#closed = true;
    this.#deaf();
  }

  #deaf(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #listen(): void {
    try {
      const watcher = watch(
        join(this.#dir, 'now'),
        { persistent: false },
        (kind, name) => kind === 'rename' && this.#hear(name ?? ''),
      );
      this.#watcher = watcher;
      watcher.on('error', () => this.#deaf());
    } catch {
      this.#watcher = undefined; // looks by time find its files, too late for a flood
    }
  }

  /** Lines that are written before the file is moved are words of another kind. */
  #hear(name: string): void {
    const word = this.#events.take(name);
    if (word === 'moved') this.#heard(this.#events.begun);
    if (word === 'begun') void this.look().catch(() => undefined);
  }

  async #take(): Promise<void> {
    if (!this.#watcher && !this.#closed) this.#listen();
    if (!(await hasCurrent(this.#dir))) return;
    const moved = new Promise<number>((resolve) => (this.#heard = resolve));
    this.#events.moving();
    if (!(await takeCurrent(this.#dir))) return this.#events.notMoved();
    const timer = setTimeout(() => this.#heard(0), this.#watcher ? hearMs : 0);
    this.#newest = Math.max(this.#newest + 1, await moved);
    clearTimeout(timer);
    await numberTaken(this.#dir, this.#newest);
    await dropOld(this.#dir, this.#spec.maxFiles);
  }
}
