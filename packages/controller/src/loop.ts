import { backoffMs, jitter } from '@gantry/kit/backoff';
import { sleep, type Clock } from '@gantry/kit/clock';
import type { Random } from '@gantry/kit/random';
import type { Logger } from '@gantry/kit/log';
import type { Decision, Env, Reconciler, Settings } from './reconcilers/reconciler.ts';
import type { Change, Kind, Store, Write } from './store/store.ts';

export interface LoopDeps {
  readonly store: Store;
  /** In the order in which they decide, within a round. */
  readonly reconcilers: readonly Reconciler[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly newId: () => string;
  readonly settings: Settings;
  /** Operations of one commit; etcd takes 128. */
  readonly maxWrites: number;
}

/** One question about one key. */
interface Item {
  readonly reconciler: Reconciler;
  readonly key: string;
}

/** Deciding goes on for at most this long before others get the thread, ms. */
const sliceMs = 20;
/** What comes in small pieces gets at most one part in so many of the thread: what changes meanwhile is decided together. */
const shareOfThread = 3;

/** Starts the one shell around all decisions: it alone commits, retries and times. */
export function startLoop(deps: LoopDeps): { stop(): Promise<void> } {
  const loop = new Loop(deps);
  loop.start();
  return { stop: () => loop.stop() };
}

class Loop {
  readonly #deps: LoopDeps;
  readonly #abort = new AbortController();
  /** Keys to look at, a set per reconciler in their order. */
  readonly #dirty: ReadonlyMap<Reconciler, Set<string>>;
  readonly #wakes = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  #unsubscribe: () => void = () => undefined;
  #nudge: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: LoopDeps) {
    this.#deps = deps;
    this.#dirty = new Map(deps.reconcilers.map((reconciler) => [reconciler, new Set()]));
  }

  start(): void {
    this.#unsubscribe = this.#deps.store.subscribe((changes) => this.#take(changes));
    const view = this.#deps.store.view();
    for (const [reconciler, keys] of this.#dirty) for (const key of reconciler.keys(view)) keys.add(key);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#unsubscribe();
    for (const { cancel } of this.#wakes.values()) cancel();
    this.#nudge();
    await this.#running;
  }

  #take(changes: readonly Change[]): void {
    const view = this.#deps.store.view();
    for (const [reconciler, keys] of this.#dirty) {
      for (const change of changes) for (const key of reconciler.keysOf(change, view)) keys.add(key);
    }
    this.#nudge();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let refusals = 0;
    while (!this.#stopped()) {
      if (!this.#hasWork()) await this.#work();
      if (this.#stopped()) return;
      const from = this.#deps.clock.monotonic();
      const batch = this.#decideSome();
      const took = this.#deps.clock.monotonic() - from;
      const behind = this.#hasWork();
      const ok = batch.writes.length === 0 || (await this.#commit(batch));
      await this.#rest(behind ? from : from + shareOfThread * took);
      refusals = ok ? 0 : refusals + 1;
      const { clock, random } = this.#deps;
      if (!ok) await sleep(clock, jitter(backoffMs(refusals, 10, 1_000), random()), signal);
    }
  }

  /** Gives the thread away: at least once, or a log that answers at once would let nobody else have it. */
  async #rest(until: number): Promise<void> {
    const { clock } = this.#deps;
    const ms = Math.floor(until - clock.monotonic());
    if (ms > 0) await sleep(clock, ms, this.#abort.signal);
    else await new Promise<void>((resolve) => clock.soon(resolve));
  }

  #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  #hasWork(): boolean {
    return [...this.#dirty.values()].some((keys) => keys.size > 0);
  }

  /** Resolves when there is something to decide. */
  #work(): Promise<void> {
    return new Promise((resolve) => {
      this.#nudge = resolve;
      if (this.#hasWork() || this.#abort.signal.aborted) resolve();
    });
  }

  /** Decides keys until a commit is full, the slice is over, or nothing is left. One object is written at most once. */
  #decideSome(): Batch {
    const batch = new Batch(this.#deps.maxWrites);
    const until = this.#deps.clock.monotonic() + sliceMs;
    for (const [reconciler, keys] of this.#dirty) {
      for (const key of keys) {
        if (this.#deps.clock.monotonic() > until) return batch;
        const decision = this.#decide({ reconciler, key });
        if (!decision) {
          keys.delete(key);
          continue;
        }
        const added = batch.add({ reconciler, key }, decision.writes);
        // What did not fit whole is decided again on the outcome of its first part.
        if (added !== 'all' || decision.more === true) return batch;
        keys.delete(key);
      }
    }
    return batch;
  }

  #decide(item: Item): Decision | undefined {
    const { reconciler, key } = item;
    try {
      const decision = reconciler.decide(this.#deps.store.view(), key, this.#env());
      this.#wake(item, decision.wakeAt);
      this.#failures.delete(name(item));
      if (decision.note !== undefined && decision.writes.length > 0) {
        this.#deps.log.info('decided', { reconciler: reconciler.name, key, why: decision.note });
      }
      return decision;
    } catch (error) {
      const failures = (this.#failures.get(name(item)) ?? 0) + 1;
      this.#failures.set(name(item), failures);
      const fields = { reconciler: reconciler.name, key, failures, error: String(error) };
      this.#deps.log.error('a decision failed, it is tried again later', fields);
      this.#wake(item, this.#deps.clock.now() + backoffMs(failures, 1_000, 60_000));
      return undefined;
    }
  }

  #env(): Env {
    return { now: this.#deps.clock.now(), newId: this.#deps.newId, settings: this.#deps.settings };
  }

  #wake(item: Item, at: number | undefined): void {
    const id = name(item);
    const known = this.#wakes.get(id);
    if (known?.at === at && at !== undefined) return;
    known?.cancel();
    this.#wakes.delete(id);
    if (at === undefined || this.#abort.signal.aborted) return;
    const cancel = this.#deps.clock.after(Math.max(0, at - this.#deps.clock.now()), () => {
      this.#wakes.delete(id);
      this.#dirty.get(item.reconciler)?.add(item.key);
      this.#nudge();
    });
    this.#wakes.set(id, { at, cancel });
  }

  /** Commits; on failure the keys are looked at again. Answers whether it went well. */
  async #commit(batch: Batch): Promise<boolean> {
    const result = await this.#deps.store.commit(batch.writes);
    if (result.ok) return true;
    for (const { reconciler, key } of batch.items) this.#dirty.get(reconciler)?.add(key);
    if (result.why === 'unavailable')
      this.#deps.log.warn('the store is not available', { message: result.message });
    return false;
  }
}

/** Writes of several decisions that go into one commit, no object twice. */
class Batch {
  readonly writes: Write[] = [];
  readonly items: Item[] = [];
  readonly #max: number;
  /** Ids of the first writes, so many as were ever compared with others. */
  readonly #ids = new Map<Kind, Set<string>>();
  #known = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Adds what fits; nothing if an object is in the batch already, or if there is no room for all and the batch is not empty. */
  add(item: Item, writes: readonly Write[]): 'all' | 'part' | 'nothing' {
    const room = this.#max - this.writes.length;
    if (this.writes.length > 0 && (writes.length > room || this.#holdsAny(writes))) return 'nothing';
    this.writes.push(...(writes.length > room ? writes.slice(0, room) : writes));
    if (writes.length > 0) this.items.push(item);
    return writes.length > room ? 'part' : 'all';
  }

  #holdsAny(writes: readonly Write[]): boolean {
    for (; this.#known < this.writes.length; this.#known++) {
      const { kind, id } = objectOf(this.writes[this.#known] as Write);
      const known = this.#ids.get(kind);
      if (known) known.add(id);
      else this.#ids.set(kind, new Set([id]));
    }
    return writes.some((write) => {
      const { kind, id } = objectOf(write);
      return this.#ids.get(kind)?.has(id) === true;
    });
  }
}

function objectOf(write: Write): { readonly kind: Kind; readonly id: string } {
  return write.op === 'put' ? write.object : write;
}

function name({ reconciler, key }: Item): string {
  return `${reconciler.name}/${key}`;
}
