import { backoffMs, jitter } from '@gantry/kit/backoff';
import { sleep, type Clock } from '@gantry/kit/clock';
import type { Random } from '@gantry/kit/random';
import type { Logger } from '@gantry/kit/log';
import type { EtcdApi } from '../store/etcd-client.ts';
import { Lease } from './lease.ts';

export interface ElectionDeps {
  readonly client: EtcdApi;
  /** Prefix of the store; the leader's key is `<prefix>/leader`. */
  readonly prefix: string;
  /** Names this controller in the key, for people. */
  readonly id: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
}

/** Key of the leader below the store's prefix. */
export const leaderKey = 'leader';

/** A leader that is not heard of for this long has lost its lease, seconds. */
const ttlSeconds = 4;

/**
 * Campaigns without end: while the lease holds, this controller leads and `current` is the fence that every commit
 * compares. A lease counts from when its renewal was *sent*, on the monotonic clock, so that a paused process knows
 * that it no longer leads.
 */
export class Election {
  readonly #deps: ElectionDeps;
  readonly #abort = new AbortController();
  #lead: { readonly lease: Lease; readonly createdAt: number } | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: ElectionDeps) {
    this.#deps = deps;
  }

  /** The fence while this controller leads; absent otherwise, also while etcd cannot be reached for longer than the lease. */
  current(): { readonly key: string; readonly createdAt: number } | undefined {
    return this.#lead?.lease.valid() ? { key: leaderKey, createdAt: this.#lead.createdAt } : undefined;
  }

  /** Starts to campaign; `onLead` hears of each win and its revision, `onLost` when another controller may lead. */
  start(onLead: (createdAt: number) => void, onLost: () => void): void {
    this.#running = this.#campaign(onLead, onLost);
  }

  /** Gives the lead up at once, so that another need not wait for the lease to end. */
  async resign(): Promise<void> {
    this.#abort.abort();
    const lead = this.#lead;
    this.#lead = undefined;
    await lead?.lease.revoke();
    await this.#running;
  }

  async #campaign(onLead: (createdAt: number) => void, onLost: () => void): Promise<void> {
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted;) {
      try {
        const lease = await Lease.grant(this.#deps, ttlSeconds);
        const createdAt = await this.#acquire(lease).catch(async (error: unknown) => {
          // The key may be ours without our knowing it: with the lease it goes, else we would wait for ourselves for ever.
          await lease.revoke();
          throw error;
        });
        failures = 0;
        this.#lead = { lease, createdAt };
        this.#deps.log.info('this controller leads', { createdAt });
        onLead(createdAt);
        await lease.lost(signal);
        this.#lead = undefined;
        if (this.#resigned()) return;
        this.#deps.log.warn('this controller lost the lead');
        onLost();
      } catch (error) {
        failures++;
        this.#deps.log.warn('cannot campaign for the lead, trying again', { error: String(error), failures });
        await sleep(this.#deps.clock, jitter(backoffMs(failures, 100, 1_000), this.#deps.random()), signal);
      }
    }
  }

  #resigned(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Waits for its turn; answers with the revision that the key was created at. */
  async #acquire(lease: Lease): Promise<number> {
    const key = Buffer.from(`${this.#deps.prefix}/${leaderKey}`);
    for (;;) {
      const result = await this.#deps.client.kv.txn({
        compare: [{ key, target: 'Create', result: 'Equal', create_revision: 0 }],
        success: [{ request_put: { key, value: Buffer.from(this.#deps.id), lease: lease.id } }],
        failure: [{ request_range: { key } }],
      });
      if (result.succeeded) return Number(result.header.revision);
      if (!lease.valid()) throw new Error('the lease ended before the lead was free');
      this.#deps.log.debug('another controller leads, waiting');
      // The wait is bounded by the former leader's lease; asking is cheap beside a watch that could be lost.
      await sleep(this.#deps.clock, 100, this.#abort.signal);
      if (this.#resigned()) throw new Error('resigned');
    }
  }
}
