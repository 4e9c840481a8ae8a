import type { Clock } from '@gantry/kit/clock';
import type { FakeHost } from '../runtime/fake.ts';
import type { Fence, StopPlan } from './fence.ts';

interface Guard {
  until: number;
  readonly stop: StopPlan;
  firedAt?: number;
  cancel: () => void;
}

/** What a guard does again and again once it has fired, ms. */
const againMs = 1_000;

/** Guards in memory over the containers of the fake runtime; they belong to the host and outlive agents. */
export class FakeFence implements Fence {
  readonly #clock: Clock;
  readonly #host: FakeHost;
  readonly #guards = new Map<string, Guard>();

  constructor(clock: Clock, host: FakeHost) {
    this.#clock = clock;
    this.#host = host;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  arm(id: string, until: number, stop: StopPlan): Promise<void> {
    if (this.move(id, until)) return Promise.resolve();
    const guard: Guard = { until, stop, cancel: () => undefined };
    this.#guards.set(id, guard);
    this.#watch(id, guard);
    return Promise.resolve();
  }

  move(id: string, until: number): boolean {
    const guard = this.#guards.get(id);
    if (guard) guard.until = Math.max(guard.until, until);
    return guard !== undefined;
  }

  fired(id: string): Promise<boolean> {
    return Promise.resolve(this.#guards.get(id)?.firedAt !== undefined);
  }

  release(id: string): Promise<void> {
    this.#guards.get(id)?.cancel();
    this.#guards.delete(id);
    return Promise.resolve();
  }

  /** The host loses power. */
  close(): void {
    for (const id of [...this.#guards.keys()]) void this.release(id);
  }

  #watch(id: string, guard: Guard): void {
    const left = guard.until - this.now();
    guard.cancel = this.#clock.after(Math.max(0, left), () => {
      if (guard.until > this.now()) return this.#watch(id, guard);
      guard.firedAt = this.now();
      this.#signal(id, guard);
    });
  }

  #signal(id: string, guard: Guard): void {
    const stopMs = this.#host.containers.get(id)?.stopMs ?? 0;
    const kill = stopMs > guard.stop.graceMs;
    guard.cancel = this.#clock.after(Math.min(stopMs, guard.stop.graceMs), () =>
      this.#end(id, guard, kill ? 137 : 143),
    );
  }

  #end(id: string, guard: Guard, exitCode: number): void {
    this.#host.end(id, { exitCode, oom: false, at: this.#clock.now() });
    guard.cancel = this.#clock.after(againMs, () => this.#end(id, guard, 137));
  }
}
