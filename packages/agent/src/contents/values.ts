import { versionId, type ContentMount } from '@gantry/model/content';
import type { FetchContent } from './contents.ts';

interface Value {
  readonly bytes: Promise<Uint8Array>;
  readonly tasks: Set<string>;
}

/** Bytes that tasks of this host have, in memory: fetched once, however many tasks have them, and forgotten with the last. */
export class Values {
  readonly #fetch: FetchContent;
  readonly #values = new Map<string, Value>();

  constructor(fetch: FetchContent) {
    this.#fetch = fetch;
  }

  /** How many are held. */
  get size(): number {
    return this.#values.size;
  }

  get(taskId: string, content: ContentMount): Promise<Uint8Array> {
    const key = `${content.kind} ${versionId(content.source, content.number ?? 0)}`;
    const known = this.#values.get(key);
    if (known) {
      known.tasks.add(taskId);
      // Why the other one was refused (it may be stopping) need not hold for this one.
      return known.bytes.catch(() => this.get(taskId, content));
    }
    const value = { bytes: this.#fetch(taskId, content), tasks: new Set([taskId]) };
    this.#values.set(key, value);
    value.bytes.catch(() => {
      // The next one asks again.
      if (this.#values.get(key) === value) this.#values.delete(key);
    });
    return value.bytes;
  }

  release(taskId: string): void {
    for (const [key, { tasks }] of this.#values)
      if (tasks.delete(taskId) && tasks.size === 0) this.#values.delete(key);
  }
}
