import type { AnyObject } from '@gantry/model/objects';
import type { LogEvent, Operation } from './log.ts';
import type { Write } from './store.ts';

/** The writes of one transaction that is under way, and how many of them the watch has told. */
export interface Sent {
  readonly writes: readonly Write[];
  readonly operations: readonly Operation[];
  told: number;
}

/**
 * What this store has just written, so that it need not be parsed again when the watch tells of it. Only the very same text
 * counts; anything else is somebody else's write. Events come in the order of the operations: nothing is searched.
 */
export class Echo {
  readonly #sent = new Set<Sent>();

  expect(writes: readonly Write[], operations: readonly Operation[]): Sent {
    const sent = { writes, operations, told: 0 };
    this.#sent.add(sent);
    return sent;
  }

  /** Its events have been told, or will not be, or nobody knows. */
  forget(sent: Sent): void {
    this.#sent.delete(sent);
  }

  /** The object that was written with this text, at the version that it was given to write. */
  take({ key, value }: LogEvent): AnyObject | undefined {
    for (const sent of this.#sent) {
      const { writes, operations } = sent;
      while (operations[sent.told]?.op === 'delete') sent.told++;
      const [write, operation] = [writes[sent.told], operations[sent.told]];
      if (operation?.op !== 'put' || write?.op !== 'put' || operation.key !== key) continue;
      if (operation.value !== value && String(operation.value) !== String(value)) continue;
      sent.told++;
      return write.object;
    }
    return undefined;
  }
}
