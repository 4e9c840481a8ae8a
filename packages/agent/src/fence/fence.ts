/** How a container is stopped. */
export interface StopPlan {
  /** With SIG. */
  readonly signal: string;
  /** From the signal to SIGKILL, ms. */
  readonly graceMs: number;
}

/**
 * Stops containers at a moment that somebody must move again and again: guards outlive the agent, and work while it is dead or
 * stands still. Moments are ms since the boot of the host. Implementations: a process per container (`process-fence.ts`) and
 * one in memory (`fake.ts`); `fence.contract.ts` holds both.
 */
export interface Fence {
  /** Ms since the boot of the host, with the time it slept. */
  now(): number;
  /** Puts a guard over a container, before it is started; one that is there is moved. Resolves once it stands. */
  arm(id: string, until: number, stop: StopPlan): Promise<void>;
  /** Moves the moment, never back. False if no guard stands there. */
  move(id: string, until: number): boolean;
  /** True if its guard has stopped the container, or is about to. */
  fired(id: string): Promise<boolean>;
  /** The container is gone: so is its guard. Idempotent. */
  release(id: string): Promise<void>;
}
