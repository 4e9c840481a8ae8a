import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { kinds, type AnyObject, type Kind } from '@gantry/model/objects';
import { auditIsDue, differenceOf, type Listing } from './audit.ts';
import { Echo } from './echo.ts';
import { atVersion, decode, Encoded, keyOf, parseKey } from './codec.ts';
import { FencedRead } from './fenced-read.ts';
import type { Compare, Entry, Log, LogEvent, Operation } from './log.ts';
import { maxWrites, type Change, type CommitResult, type Store, type View, type Write } from './store.ts';
import { Tables } from './tables.ts';

/** What every write is compared with besides its objects: the leader's key, as created by this leader. */
export interface Fence {
  /** Absent while this controller does not lead. */
  current(): { readonly key: string; readonly createdAt: number } | undefined;
}

export interface StoreDeps {
  readonly log: Logger;
  readonly clock: Clock;
  readonly fence?: Fence;
}

/** How long a commit waits for the view to show it before it says so, ms. */
const catchUpMs = 10_000;
/** How long a refused commit waits for the view to show what refused it, ms. */
const conflictMs = 1_000;
/** Opens the store over a log: lists, then watches; resolves once the view is complete. */
export async function openStore(log: Log, deps: StoreDeps): Promise<Store> {
  const store = new LogStore(log, deps);
  await store.open();
  return store;
}

class LogStore implements Store {
  readonly #source: Log;
  readonly #deps: StoreDeps;
  readonly #tables = new Tables();
  readonly #echo = new Echo();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  readonly #abort = new AbortController();
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #unwatch: () => void = () => undefined;
  #auditedAt = 0;
  /** Keys deleted since the audit that is under way began; absent without one. */
  #removed: Set<string> | undefined;
  readonly #fencedRead: FencedRead;

  constructor(source: Log, deps: StoreDeps) {
    this.#source = source;
    this.#deps = deps;
    this.#fencedRead = new FencedRead({
      log: source,
      lead: () => this.#lead(),
      shown: () => this.#tables.revision,
      caughtUp: (revision) => this.#caughtUp(revision, catchUpMs),
    });
  }

  async open(): Promise<void> {
    const { entries, revision } = await this.#source.list(this.#abort.signal);
    this.#replaceAll(entries, revision);
    this.#auditedAt = revision;
    this.#watchFrom(revision);
  }

  view(): View {
    return this.#tables;
  }

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async commit(writes: readonly Write[]): Promise<CommitResult> {
    if (writes.length === 0) return { ok: true, revision: this.#tables.revision };
    if (writes.length > maxWrites)
      throw new RangeError(`a commit of ${writes.length} writes; at most ${maxWrites}`);
    const lead = this.#lead();
    if (!lead) return { ok: false, why: 'not_leader' };
    const operations = writes.map(operationOf);
    const sent = this.#echo.expect(writes, operations);
    const result = await this.#source.txn(lead, operations);
    if (result.outcome !== 'committed') this.#echo.forget(sent);
    if (result.outcome === 'unknown') return { ok: false, why: 'unavailable', message: result.message };
    if (result.outcome === 'refused') {
      // What is decided anew should see what caused the conflict.
      await this.#caughtUp(result.revision, conflictMs);
      return {
        ok: false,
        why: lead.some(({ key }) => result.failed.includes(key)) ? 'not_leader' : 'conflict',
      };
    }
    const shown = await this.#caughtUp(result.revision, catchUpMs);
    this.#echo.forget(sent);
    if (!shown)
      return { ok: false, why: 'unavailable', message: 'committed, but the watch does not show it yet' };
    return { ok: true, revision: result.revision };
  }

  fenced(): Promise<CommitResult> {
    return this.#fencedRead.ask();
  }

  /** What holds only while this controller leads; undefined if it knows that it does not. */
  #lead(): readonly Compare[] | undefined {
    const { fence } = this.#deps;
    const lead = fence?.current();
    return lead ? [lead] : fence ? undefined : [];
  }

  reached(revision: number): Promise<void> {
    if (this.#tables.revision >= revision || this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#unwatch();
    this.#listeners.clear();
    for (const { resolve } of this.#waiting) resolve();
    await this.#source.close();
  }

  #watchFrom(revision: number): void {
    this.#unwatch();
    this.#unwatch = this.#source.watch(revision, {
      events: (events, at) => this.#take(events, at),
      compacted: () => this.#relist(),
    });
  }

  /** The history was compacted away under the watch: take the whole state, tell what differs. */
  #relist(): void {
    this.#deps.log.warn('the history of the store was compacted, listing everything again');
    this.#inBackground(async () => {
      const { entries, revision } = await this.#source.list(this.#abort.signal);
      this.#replaceAll(entries, revision);
      this.#watchFrom(revision);
    });
  }

  #inBackground(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!this.#abort.signal.aborted)
        this.#deps.log.error('the store failed in the background', { error: String(error) });
    });
  }

  #take(events: readonly LogEvent[], revision: number): void {
    if (revision <= this.#tables.revision) return;
    const changes: Change[] = [];
    for (const event of events) {
      const change = this.#applyEvent(event);
      if (change) changes.push(change);
    }
    this.#advance(changes, revision);
    if (!this.#removed && auditIsDue(this.#tables, this.#auditedAt)) this.#inBackground(() => this.#audit());
  }

  #applyEvent(event: LogEvent): Change | undefined {
    const own = event.value === undefined ? undefined : this.#echo.take(event);
    if (own) return this.#tables.apply(own.kind, own.id, atVersion(own, event.version));
    const parsed = parseKey(event.key);
    if (!parsed) return undefined;
    if (event.value === undefined) this.#removed?.add(event.key);
    const object = event.value === undefined ? undefined : this.#decode(parsed.kind, event);
    if (event.value !== undefined && !object) return undefined;
    return this.#tables.apply(parsed.kind, parsed.id, object);
  }

  #decode(kind: Kind, { key, value, version }: LogEvent): AnyObject | undefined {
    try {
      return decode(kind, String(value), version);
    } catch (error) {
      this.#deps.log.error('a stored object cannot be read and is left out', { key, error: String(error) });
      return undefined;
    }
  }

  #replaceAll(entries: readonly Entry[], revision: number): void {
    const present = new Set(entries.map(({ key }) => key));
    const changes: Change[] = entries.flatMap((entry) => this.#applyEvent(entry) ?? []);
    for (const kind of kinds) {
      for (const { id } of [...this.#tables.all(kind)]) {
        if (!present.has(keyOf(kind, id))) changes.push(...(this.#forget(kind, id) ?? []));
      }
    }
    this.#advance(changes, revision);
  }

  #forget(kind: AnyObject['kind'], id: string): readonly Change[] | undefined {
    const change = this.#tables.apply(kind, id, undefined);
    return change && [change];
  }

  #advance(changes: readonly Change[], revision: number): void {
    this.#tables.revision = Math.max(this.#tables.revision, revision);
    if (changes.length > 0) for (const listener of [...this.#listeners]) this.#call(listener, changes);
    const due = this.#waiting.filter((waiter) => waiter.revision <= revision);
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > revision);
    for (const { resolve } of due) resolve();
  }

  #call(listener: (changes: readonly Change[]) => void, changes: readonly Change[]): void {
    try {
      listener(changes);
    } catch (error) {
      this.#deps.log.error('a listener of the store failed', { error: String(error) });
    }
  }

  /** Resolves true once the view has reached the revision, false if it does not within `timeoutMs`. */
  #caughtUp(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#tables.revision >= revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = {
        revision,
        resolve: () => {
          cancel();
          resolve(this.#tables.revision >= revision);
        },
      };
      const cancel = this.#deps.clock.after(timeoutMs, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        resolve(false);
      });
      this.#waiting.push(waiter);
    });
  }

  /** A lost watch event must not last: compares what we hold with the log and repairs the difference. */
  async #audit(): Promise<void> {
    this.#auditedAt = this.#tables.revision;
    const removed = (this.#removed = new Set<string>());
    try {
      const { entries, revision } = await this.#source.list(this.#abort.signal);
      if (await this.#caughtUp(revision, catchUpMs)) this.#repair({ entries, revision, removed });
    } finally {
      this.#removed = undefined;
    }
  }

  #repair(listing: Listing): void {
    const { behind, left } = differenceOf(this.#tables, listing);
    if (behind.length + left.length === 0) return;
    const keys = [...behind.map(({ key }) => key), ...left.map(({ kind, id }) => keyOf(kind, id))];
    this.#deps.log.error('the view differed from the store and was repaired', {
      count: keys.length,
      keys: keys.slice(0, 10),
    });
    const changes = [
      ...behind.flatMap((entry) => this.#applyEvent(entry) ?? []),
      ...left.flatMap(({ kind, id }) => this.#forget(kind, id) ?? []),
    ];
    this.#advance(changes, listing.revision);
  }
}

function operationOf(write: Write): Operation {
  if (write.op === 'delete')
    return { op: 'delete', key: keyOf(write.kind, write.id), version: write.version };
  const { object } = write;
  return {
    op: 'put',
    key: keyOf(object.kind, object.id),
    version: object.version,
    value: new Encoded(object),
  };
}
