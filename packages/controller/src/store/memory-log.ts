import type { Compare, Entry, Log, LogEvent, Operation, TxnResult, Watcher } from './log.ts';

interface Stored {
  readonly value: string;
  readonly version: number;
  readonly createdAt: number;
}

/** A log in memory with etcd's rules: revisions, transactions, watches, compaction. For tests, benches, the simulator. */
export class MemoryLog implements Log {
  readonly #entries = new Map<string, Stored>();
  readonly #history: { readonly revision: number; readonly events: readonly LogEvent[] }[] = [];
  readonly #watchers = new Set<{ next: number; readonly watcher: Watcher }>();
  #revision = 1;
  #compacted = 0;

  list(): Promise<{ entries: readonly Entry[]; revision: number }> {
    const entries = [...this.#entries].map(([key, { value, version }]) => ({ key, value, version }));
    return Promise.resolve({ entries, revision: this.#revision });
  }

  txn(compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    const failed = compares.filter((compare) => !this.#holds(compare)).map(({ key }) => key);
    if (failed.length > 0) return Promise.resolve({ outcome: 'refused', revision: this.#revision, failed });
    const revision = this.#revision + 1;
    const events = operations.flatMap((operation) => this.#apply(operation, revision));
    if (events.length > 0) {
      this.#revision = revision;
      this.#history.push({ revision, events });
      // Watchers hear of it after the writer, as over a wire.
      queueMicrotask(() => this.#tell());
    }
    return Promise.resolve({ outcome: 'committed', revision: this.#revision });
  }

  #holds(compare: Compare): boolean {
    const stored = this.#entries.get(compare.key);
    return 'version' in compare
      ? (stored?.version ?? 0) === compare.version
      : (stored?.createdAt ?? 0) === compare.createdAt;
  }

  #apply(operation: Operation, revision: number): readonly LogEvent[] {
    const { key } = operation;
    if (operation.op === 'delete') return this.#entries.delete(key) ? [{ key, version: revision }] : [];
    const createdAt = this.#entries.get(key)?.createdAt ?? revision;
    this.#entries.set(key, { value: operation.value, version: revision, createdAt });
    return [{ key, value: operation.value, version: revision }];
  }

  watch(revision: number, watcher: Watcher): () => void {
    const entry = { next: revision + 1, watcher };
    this.#watchers.add(entry);
    queueMicrotask(() => this.#tell());
    return () => this.#watchers.delete(entry);
  }

  #tell(): void {
    for (const entry of [...this.#watchers]) {
      if (entry.next <= this.#compacted) {
        this.#watchers.delete(entry);
        entry.watcher.compacted();
        continue;
      }
      // History holds one entry for each revision after the compacted ones and the first.
      const from = Math.max(0, this.#history.length - (this.#revision - entry.next + 1));
      for (const { revision, events } of this.#history.slice(from)) {
        if (revision < entry.next) continue;
        entry.next = revision + 1;
        entry.watcher.events(events, revision);
      }
    }
  }

  /** Forgets the history up to and with `revision`, as etcd's compaction does. */
  compact(revision = this.#revision): void {
    this.#compacted = revision;
    while ((this.#history[0]?.revision ?? Infinity) <= revision) this.#history.shift();
    this.#tell();
  }

  close(): Promise<void> {
    this.#watchers.clear();
    return Promise.resolve();
  }
}
