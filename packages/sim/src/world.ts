import type { Clock } from '@gantry/kit/clock';
import { seededRandom, type Random } from '@gantry/kit/random';
import { settle, VirtualClock } from '@gantry/kit/virtual-clock';

/** A crash: where it happens is chosen by counting the inputs and outputs of the process. */
export type OnCrash = (process: Process) => void;

/** One seeded world: a clock that only moves when told to, and dice that fall the same way each time. */
export class World {
  readonly clock = new VirtualClock();
  readonly seed: number;
  readonly #startedAt: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#startedAt = this.clock.now();
  }

  /** Dice of one part: what others throw does not change them, so that histories shrink well. */
  dice(name: string): Random {
    let hash = this.seed | 0;
    for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    return seededRandom(hash);
  }

  /** Ms since the world began. */
  age(): number {
    return this.clock.now() - this.#startedAt;
  }

  /** Lets `ms` pass; `look` is called after every event. */
  async pass(ms: number, look: () => void = () => undefined): Promise<void> {
    const until = this.clock.now() + ms;
    // A timer of our own, so that time gets there also when nothing else happens.
    this.clock.after(ms, () => undefined);
    await settle();
    while (this.clock.step(until)) {
      await settle();
      look();
    }
  }
}

/** A process that may die at any moment: then nothing of it happens any more. Its wall clock may be wrong. */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  alive = true;
  readonly #world: World;
  readonly #onCrash: OnCrash;
  #wallOffset: number;
  #crashIn: number | undefined;
  #nextId = 0;
  /** It stands still: what should happen in it, in order, once it goes on. */
  #frozen: (() => void)[] | undefined;

  constructor(world: World, name: string, life: number, wallOffset: number, onCrash: OnCrash) {
    this.name = name;
    this.#world = world;
    this.#wallOffset = wallOffset;
    this.#onCrash = onCrash;
    this.random = world.dice(`${name}/${life}`);
    this.clock = {
      now: () => world.clock.now() + this.#wallOffset,
      monotonic: () => world.clock.monotonic(),
      after: (ms, fn) => world.clock.after(ms, () => this.run(fn)),
      soon: (fn) => world.clock.soon(() => this.run(fn)),
    };
  }

  /** Ids that are unique in this world and the same each time. */
  readonly newId = (): string => {
    const salt = Math.floor(this.random() * 36 ** 6).toString(36);
    return `${salt.padStart(6, '0')}${(this.#nextId++).toString(36).padStart(6, '0')}`;
  };

  /** Runs `fn` unless the process is dead; later, if it stands still. */
  run(fn: () => void): void {
    if (!this.alive) return;
    if (this.#frozen) this.#frozen.push(fn);
    else fn();
  }

  /** Resolves once it does not stand still. */
  async awake(): Promise<void> {
    while (this.alive && this.#frozen) await new Promise<void>((resolve) => this.run(resolve));
  }

  get frozen(): boolean {
    return this.#frozen !== undefined;
  }

  /** Stands still for `ms`: nothing of it happens meanwhile, then all at once. */
  freeze(ms: number): void {
    if (!this.alive || this.#frozen) return;
    this.#frozen = [];
    this.#world.clock.after(ms, () => this.#thaw());
  }

  #thaw(): void {
    const late = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const fn of late) this.run(fn);
  }

  /** The wall clock jumps; the monotonic one never does. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  /** The process will die at its `count`-th input or output from now. */
  crashAfter(count: number): void {
    this.#crashIn = count;
  }

  /** Counts one input or output. Answers false if the process is dead, from just now or before. */
  touch(): boolean {
    if (!this.alive) return false;
    if (this.#crashIn === undefined || --this.#crashIn > 0) return true;
    this.#onCrash(this);
    return false;
  }

  kill(): void {
    this.alive = false;
  }

  /** Resolves after `ms`; never if the process dies meanwhile. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.clock.after(ms, () => this.run(resolve)));
  }
}
