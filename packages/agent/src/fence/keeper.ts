import { GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import type { Fence, StopPlan } from './fence.ts';

interface Guarded {
  readonly afterMs: number;
  readonly stop: StopPlan;
}

/**
 * Keeps tasks that must never run twice alive while the controller surely knows that they are here, and only then. Contact is
 * counted from when the words were sent that the controller acknowledged, never from when the answer came: an answer may lie
 * in a buffer for as long as this process stands still.
 */
export class FenceKeeper {
  readonly #fence: Fence;
  readonly #log: Logger;
  readonly #guarded = new Map<string, Guarded>();
  /** When the last acknowledged words were sent; unknown to an agent that has just begun. */
  #contactAt = -Infinity;

  constructor(fence: Fence, log: Logger) {
    this.#fence = fence;
    this.#log = log;
  }

  now(): number {
    return this.#fence.now();
  }

  /** The controller has acknowledged words sent at `sentAt`, and this host knows all that it is to hold. */
  contact(sentAt: number): void {
    if (sentAt <= this.#contactAt) return;
    this.#contactAt = sentAt;
    for (const [id, guarded] of this.#guarded) {
      if (!this.#fence.move(id, sentAt + guarded.afterMs)) this.#again(id, guarded);
    }
  }

  /** Before a container is started. Throws `unreachable` without contact: elsewhere another may run by now. */
  async guard(id: string, afterMs: number, stop: StopPlan): Promise<void> {
    this.mustBeInContact(afterMs);
    // It fired over a start that did not come about.
    if (await this.#fence.fired(id)) await this.#fence.release(id);
    await this.#fence.arm(id, this.#contactAt + afterMs, stop);
    this.#guarded.set(id, { afterMs, stop });
    // Making it took time.
    this.mustBeInContact(afterMs);
  }

  /** A container that an earlier agent left running. Without its guard it is stopped: nobody knows for how long that was so. */
  async takeUp(id: string, afterMs: number, stop: StopPlan): Promise<void> {
    this.#guarded.set(id, { afterMs, stop });
    const until = Math.max(this.#contactAt + afterMs, 0);
    if (this.#fence.move(id, until)) return;
    this.#log.warn('a container that must not run twice had no guard', { task: id });
    await this.#fence.arm(id, Math.max(until, this.#fence.now()), stop);
  }

  /** True if its guard has stopped it. */
  stopped(id: string): Promise<boolean> {
    return this.#fence.fired(id);
  }

  /** Its container is gone; an earlier agent may have put the guard there. */
  async release(id: string): Promise<void> {
    this.#guarded.delete(id);
    await this.#fence.release(id);
  }

  /** Throws `unreachable` if contact ended so long ago. */
  mustBeInContact(afterMs: number): void {
    if (this.#fence.now() < this.#contactAt + afterMs) return;
    throw new GantryError(
      'unreachable',
      'it may run only once, and this host has no contact with the controller',
    );
  }

  /** Somebody has ended the guard: another one, with the same moment. */
  #again(id: string, { afterMs, stop }: Guarded): void {
    this.#log.warn('a guard has ended, another takes its place', { task: id });
    this.#fence.arm(id, this.#contactAt + afterMs, stop).catch((error: unknown) => {
      this.#log.error('a container cannot be guarded', { task: id, error: String(error) });
    });
  }
}
