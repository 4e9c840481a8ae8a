import type { AnyObject } from '@gantry/model/objects';
import type { Operation } from './log.ts';
import type { Write } from './store.ts';

/**
 * What this store has just written, so that it need not be parsed again when the watch tells of it. Only the very same text
 * counts; anything else is somebody else's write.
 */
export class Echo {
  readonly #sent = new Map<string, { readonly value: string; readonly object: AnyObject }>();

  expect(writes: readonly Write[], operations: readonly Operation[]): void {
    operations.forEach((operation, index) => {
      const write = writes[index];
      if (operation.op !== 'put' || write?.op !== 'put') return;
      this.#sent.set(operation.key, { value: operation.value, object: write.object });
    });
  }

  /** The transaction was refused, or nobody knows. */
  forget(operations: readonly Operation[]): void {
    for (const { key } of operations) this.#sent.delete(key);
  }

  /** The object that was written with this text, as the store has it now. */
  take(key: string, value: string, version: number): AnyObject | undefined {
    const sent = this.#sent.get(key);
    if (!sent) return undefined;
    this.#sent.delete(key);
    return sent.value === value ? { ...sent.object, version } : undefined;
  }
}
