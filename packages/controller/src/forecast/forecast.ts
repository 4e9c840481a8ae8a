import type { Task } from '@gantry/model/task';
import type { Reconciler, Settings } from '../reconcilers/reconciler.ts';
import type { Change, View, Write } from '../store/store.ts';
import { endsWell, hostStep } from './host.ts';
import { Sketch } from './sketch.ts';

export interface ForecastOptions {
  /** The product's own, in their order. */
  readonly reconcilers: readonly Reconciler[];
  readonly settings: Settings;
  /** The moment it begins, ms since the epoch. */
  readonly now: number;
  /** Hears of every change, with ms since it began. */
  readonly onChange: (change: Change, view: View, atMs: number) => void;
}

/** Decisions after which a forecast gives up, and the time it looks ahead, ms. */
const mostDecisions = 200_000;
const mostMs = 24 * 3_600_000;

interface Wake {
  readonly at: number;
  readonly reconciler: Reconciler;
  readonly key: string;
}

/**
 * Runs the real decisions forward on a copy of the view, on a time of its own, with hosts that do as they are told. Nothing
 * leaves it but the changes it tells. The same view gives the same forecast.
 */
export class Forecast {
  readonly #options: ForecastOptions;
  readonly #sketch: Sketch;
  readonly #dirty: ReadonlyMap<Reconciler, Set<string>>;
  readonly #wakes = new Map<string, Wake>();
  /** Tasks that a host will do something with, and when. */
  readonly #due = new Map<string, number>();
  #now: number;
  #decisions = 0;
  #nextId = 0;
  /** It was cut short: what it tells is not the whole way. */
  cut = false;

  constructor(view: View, options: ForecastOptions) {
    this.#options = options;
    this.#now = options.now;
    this.#sketch = new Sketch(view, (change) => this.#take(change));
    this.#dirty = new Map(options.reconcilers.map((reconciler) => [reconciler, new Set<string>()]));
  }

  get view(): View {
    return this.#sketch.view;
  }

  /** The copy itself, for what is asked about the end of the way. */
  get sketch(): Sketch {
    return this.#sketch;
  }

  /** Ms since it began. */
  get age(): number {
    return this.#now - this.#options.now;
  }

  /** Makes the writes and all that follows, until `isOver` holds and no host has anything left to do. Yields often. */
  *run(writes: readonly Write[], isOver: (view: View) => boolean): Generator<void> {
    yield* this.#sketch.fill();
    for (const [reconciler, keys] of this.#dirty) for (const key of reconciler.keys(this.view)) keys.add(key);
    for (const task of this.view.all('task')) this.#expect(task);
    this.#sketch.write(writes);
    for (;;) {
      yield* this.#decideAll();
      if (this.cut || (this.#due.size === 0 && isOver(this.view))) return;
      const next = this.#nextTime();
      if (next === undefined || next - this.#options.now > mostMs) return;
      this.#now = Math.max(this.#now, next);
      yield* this.#pass();
    }
  }

  #take(change: Change): void {
    for (const [reconciler, keys] of this.#dirty)
      for (const key of reconciler.keysOf(change, this.view)) keys.add(key);
    if (change.kind === 'task') {
      if (change.after) this.#expect(change.after);
      else this.#due.delete(change.id);
    }
    this.#options.onChange(change, this.view, this.age);
  }

  #expect(task: Task): void {
    const step = hostStep(this.view, task, this.#ends(task));
    if (step) this.#due.set(task.id, this.#now + step.afterMs);
    else this.#due.delete(task.id);
  }

  #ends({ serviceId }: Task): boolean {
    return endsWell(this.view, this.view.get('service', serviceId));
  }

  *#decideAll(): Generator<void> {
    for (let found = true; found;) {
      found = false;
      for (const [reconciler, keys] of this.#dirty) {
        for (const key of keys) {
          keys.delete(key);
          found = true;
          if (++this.#decisions > mostDecisions) {
            this.cut = true;
            return;
          }
          this.#decide(reconciler, key);
          yield;
        }
      }
    }
  }

  #decide(reconciler: Reconciler, key: string): void {
    const env = { now: this.#now, newId: () => this.#newId(), settings: this.#options.settings };
    const { writes, wakeAt, more } = reconciler.decide(this.view, key, env);
    const id = `${reconciler.name}/${key}`;
    if (wakeAt === undefined) this.#wakes.delete(id);
    else this.#wakes.set(id, { at: wakeAt, reconciler, key });
    this.#sketch.write(writes);
    if (more === true) this.#dirty.get(reconciler)?.add(key);
  }

  /** Ids that no object of the store has, in their order. */
  #newId(): string {
    return `~${String(this.#nextId++).padStart(11, '0')}`;
  }

  #nextTime(): number | undefined {
    let next = Infinity;
    for (const at of this.#due.values()) next = Math.min(next, at);
    for (const { at } of this.#wakes.values()) next = Math.min(next, at);
    return next === Infinity ? undefined : next;
  }

  *#pass(): Generator<void> {
    for (const [id, { at, reconciler, key }] of this.#wakes) {
      if (at > this.#now) continue;
      this.#wakes.delete(id);
      this.#dirty.get(reconciler)?.add(key);
    }
    const due = [...this.#due].filter(([, at]) => at <= this.#now);
    for (const [id] of due) {
      this.#due.delete(id);
      this.#hostActs(id);
      yield;
    }
  }

  #hostActs(id: string): void {
    const task = this.view.get('task', id);
    const step = task && hostStep(this.view, task, this.#ends(task));
    if (task && step) this.#sketch.put({ ...task, status: { ...step.status, at: this.#now } });
  }
}
