import type { Compare, Entry, Log, LogEvent, Operation, Text, TxnResult, Watcher } from './log.ts';

interface Stored {
  value: Text;
  version: number;
  readonly createdAt: number;
}

/** A log in memory with etcd's rules: revisions, transactions, watches, compaction. For tests and benches. */
export class MemoryLog implements Log {
  readonly #entries = new Map<string, Stored>();
  readonly #history: { readonly revision: number; readonly events: readonly LogEvent[] }[] = [];
  readonly #watchers = new Set<{ next: number; readonly watcher: Watcher }>();
  #revision = 1;
  #compacted = 0;

  list(): Promise<{ entries: readonly Entry[]; revision: number }> {
    const entries = [...this.#entries].map(([key, { value, version }]) => ({
      key,
      value: String(value),
      version,
    }));
    return Promise.resolve({ entries, revision: this.#revision });
  }

  txn(compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    const found = operations.map(({ key }) => this.#entries.get(key));
    const failed = [
      ...compares.filter(({ key, createdAt }) => (this.#entries.get(key)?.createdAt ?? 0) !== createdAt),
      ...operations.filter(
        ({ version }, index) => version !== undefined && (found[index]?.version ?? 0) !== version,
      ),
    ];
    if (failed.length > 0)
      return Promise.resolve({
        outcome: 'refused',
        revision: this.#revision,
        failed: failed.map(({ key }) => key),
      });
    this.#write(operations, found);
    return Promise.resolve({ outcome: 'committed', revision: this.#revision });
  }

  #write(operations: readonly Operation[], found: readonly (Stored | undefined)[]): void {
    const revision = this.#revision + 1;
    const events: LogEvent[] = [];
    operations.forEach((operation, index) => {
      if (operation.op === 'put') events.push(this.#put(operation, found[index], revision));
      else if (this.#entries.delete(operation.key)) events.push({ key: operation.key, version: revision });
    });
    if (events.length === 0) return;
    this.#revision = revision;
    this.#history.push({ revision, events });
    // Watchers hear of it after the writer, as over a wire.
    queueMicrotask(() => this.#tell());
  }

  #put({ key, value }: Operation & { op: 'put' }, stored: Stored | undefined, revision: number): LogEvent {
    if (!stored) this.#entries.set(key, { value, version: revision, createdAt: revision });
    else [stored.value, stored.version] = [value, revision];
    return { key, value, version: revision };
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
