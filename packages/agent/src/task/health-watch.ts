import type { Clock } from '@gantry/kit/clock';
import type { HealthCheck } from '@gantry/model/health';
import { afterProbe, beginHealth, type Health, type ProbeResult } from './health.ts';

export interface HealthWatchDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Asks once; never throws. */
  readonly probe: (check: HealthCheck, signal: AbortSignal) => Promise<ProbeResult>;
  /** Hears each change of the phase. */
  readonly onPhase: (health: Health) => void;
}

/** Asks a running container again and again until it is unhealthy or the watch is closed. One probe at a time. */
export class HealthWatch {
  readonly #deps: HealthWatchDeps;
  readonly #check: HealthCheck;
  readonly #abort = new AbortController();
  #health: Health;
  #cancelTimer: () => void = () => undefined;

  constructor(deps: HealthWatchDeps, check: HealthCheck, wasHealthy: boolean) {
    this.#deps = deps;
    this.#check = check;
    this.#health = beginHealth(check, deps.clock.monotonic(), wasHealthy, deps.random());
    this.#schedule();
  }

  close(): void {
    this.#abort.abort();
    this.#cancelTimer();
  }

  #schedule(): void {
    if (this.#health.phase === 'unhealthy' || this.#abort.signal.aborted) return;
    const wait = Math.max(0, this.#health.nextAt - this.#deps.clock.monotonic());
    this.#cancelTimer = this.#deps.clock.after(wait, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const result = await this.#deps.probe(this.#check, this.#abort.signal);
    if (this.#abort.signal.aborted) return;
    const before = this.#health.phase;
    this.#health = afterProbe(this.#check, this.#health, result, this.#deps.clock.monotonic());
    if (this.#health.phase !== before) this.#deps.onPhase(this.#health);
    this.#schedule();
  }
}
