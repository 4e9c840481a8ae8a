/** A key and its value at one moment; `version` is etcd's mod revision. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  readonly version: number;
}

/** A text, or what becomes one when it is asked for, always the same. */
export type Text = string | { toString(): string };

/** One change of one key; a delete has no value. */
export interface LogEvent {
  readonly key: string;
  readonly value?: Text;
  readonly version: number;
}

/** Holds only if the key was created at this revision. */
export interface Compare {
  readonly key: string;
  readonly createdAt: number;
}

/** What is to become of a key, only if it has this version (0: it does not exist); without one, whatever it has. */
export type Operation =
  | { readonly op: 'put'; readonly key: string; readonly version?: number; readonly value: Text }
  | { readonly op: 'delete'; readonly key: string; readonly version?: number };

export type TxnResult =
  | { readonly outcome: 'committed'; readonly revision: number }
  /** A compare or a version did not hold; nothing was written. `failed`: the keys for which, if known. */
  | { readonly outcome: 'refused'; readonly revision: number; readonly failed: readonly string[] }
  /** No answer: it may have been applied or not. Never repeated here; the watch will tell. */
  | { readonly outcome: 'unknown'; readonly message: string };

/** What a watch tells. Batches carry every event of their revision; nothing is told twice or skipped in one run. */
export interface Watcher {
  events(events: readonly LogEvent[], revision: number): void;
  /** The history that was asked for is compacted away: list again. */
  compacted(): void;
}

/**
 * The durable, ordered log behind the store: etcd, or memory for tests and the simulator (`store.contract.ts` holds
 * both). All keys are below one prefix.
 */
export interface Log {
  /** Every entry below the prefix at one revision, in pages. Retries until it succeeds; throws `cancelled` when `signal` aborts. */
  list(signal: AbortSignal): Promise<{ entries: readonly Entry[]; revision: number }>;
  /** One attempt, all or nothing. The events come in the order of the operations. */
  txn(compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult>;
  /** Tells every event after `revision`, reconnecting by itself, until the answer is called. */
  watch(revision: number, watcher: Watcher): () => void;
  close(): Promise<void>;
}
