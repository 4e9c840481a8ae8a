import { sleep, type Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Store, View, Write } from '../store/store.ts';

export interface WriterDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Operations of one commit. */
  readonly maxWrites: number;
}

/** What is to be written, and what the user is answered once it is. */
export interface Step<Answer> {
  readonly answer: Answer;
  readonly writes: readonly Write[];
}

/** Other writers may come between; looking again settles it. */
const maxAttempts = 8;
/** A lease that could not be renewed (etcd was away) is confirmed or lost within this, ms; nothing is written before. */
const leadWaitMs = 10_000;
const leadPollMs = 100;

/** Writes for users: decides on the newest view, commits, and decides anew if others wrote meanwhile. */
export class Writer {
  readonly #deps: WriterDeps;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** All steps or none. Throws `conflict`, `not_leader`, or `unknown_outcome` if etcd's answer was lost. */
  async commit<Answer>(decide: (view: View) => readonly Step<Answer>[]): Promise<readonly Answer[]> {
    const giveUpAt = this.#deps.clock.monotonic() + leadWaitMs;
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const steps = decide(this.#deps.store.view());
      const writes = steps.flatMap((step) => step.writes);
      const { maxWrites } = this.#deps;
      if (writes.length > maxWrites) {
        throw new GantryError('invalid', `a file may change at most ${maxWrites / 2} services at once`, {
          hint: 'split it into several stacks',
        });
      }
      const result = await this.#deps.store.commit(writes);
      if (result.ok) return steps.map((step) => step.answer);
      if (result.why === 'not_leader') {
        await this.#untilLead(giveUpAt);
        attempt--;
        continue;
      }
      if (result.why === 'unavailable') {
        throw new GantryError('unknown_outcome', `etcd did not answer: ${result.message}`, {
          hint: 'look with `gantry ls`, then do it again: the same twice does no harm',
        });
      }
    }
    throw new GantryError('conflict', 'others write the same objects again and again', {
      hint: 'try again',
    });
  }

  /** Nothing was written: waiting a moment and deciding anew does no harm. */
  async #untilLead(giveUpAt: number): Promise<void> {
    const { clock } = this.#deps;
    if (clock.monotonic() > giveUpAt) {
      throw new GantryError('not_leader', 'this controller cannot write: it has lost its lease in etcd', {
        hint: 'is etcd running? See the log of the controller',
      });
    }
    await sleep(clock, leadPollMs);
  }
}
