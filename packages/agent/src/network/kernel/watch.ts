import type { Clock } from '@gantry/kit/clock';
import type { Follow } from '@gantry/kit/follow';
import type { Logger } from '@gantry/kit/log';
import { tellsOfLoss } from '../plan/deletions.ts';

export interface WatchDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly follow: Follow;
}

export interface Watched {
  /** True for names of links that should be there. */
  readonly isOurs: (link: string) => boolean;
  /** A cheap look at the rules: netlink's own events about them cost more than they tell, on hosts with many services. */
  readonly stands: () => Promise<boolean>;
  /** The full look, which repairs. */
  readonly look: () => Promise<void>;
}

/** The cheap look comes this often, and every so many of them a full one, ms. */
const tickMs = 2_000;
const ticksToLook = 3;
/** A loss seldom comes alone. */
const settleMs = 100;
const restartMs = 5_000;

/** Sees that others removed parts of the network: by the kernel's word for links, routes and rules, and by looking. */
export class Watch {
  readonly #deps: WatchDeps;
  readonly #watched: Watched;
  #stopMonitor: (() => Promise<void>) | undefined;
  #cancelTick: () => void = () => undefined;
  #cancelSettle: () => void = () => undefined;
  #settling = false;
  #started = false;
  #closed = false;
  #ticks = 0;

  constructor(deps: WatchDeps, watched: Watched) {
    this.#deps = deps;
    this.#watched = watched;
  }

  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    this.#listen();
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTick();
    this.#cancelSettle();
    await this.#stopMonitor?.();
  }

  #listen(): void {
    if (this.#closed) return;
    const { clock, log, follow } = this.#deps;
    this.#stopMonitor = follow(
      ['ip', '-o', '-4', 'monitor', 'link', 'route', 'rule'],
      (line) => {
        if (tellsOfLoss(line, this.#watched.isOurs)) this.#soon();
      },
      (why) => {
        log.warn('the kernel is not listened to for a moment', { why });
        clock.after(restartMs, () => this.#listen());
      },
    );
  }

  #soon(): void {
    if (this.#settling || this.#closed) return;
    this.#settling = true;
    this.#cancelSettle = this.#deps.clock.after(settleMs, () => {
      this.#settling = false;
      void this.#look();
    });
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancelTick = this.#deps.clock.after(tickMs, () => {
      void this.#tick().finally(() => this.#schedule());
    });
  }

  async #tick(): Promise<void> {
    const due = ++this.#ticks % ticksToLook === 0;
    if (due || !(await this.#watched.stands().catch(() => false))) await this.#look();
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    await this.#watched.look().catch((error: unknown) => {
      this.#deps.log.error('the network could not be repaired', { error: String(error) });
    });
  }
}
