import { connect, JSONCodec, type NatsConnection } from 'nats';
import { backoffMs, jitter } from '@gantry/kit/backoff';
import { sleep, type Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { usageSubject, type NodeUsage } from '@gantry/model/usage';

export interface PublisherDeps {
  readonly sample: () => Promise<NodeUsage>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time between two publications, ms: more of it the more containers there are to be asked, up to the most. */
const periodMs = 3_000;
const perTaskMs = 45;
const longestMs = 9_000;

/**
 * Publishes usage on NATS every few seconds. NATS may be away: nothing else notices, nothing piles up, and the connection is
 * made anew for ever (the client itself gives up on a stale one).
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #abort = new AbortController();
  #url = '';
  #connection: NatsConnection | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** Where NATS is, as the controller said; empty: no telemetry. */
  use(url: string): void {
    if (url === this.#url) return;
    this.#url = url;
    void this.#connection?.close();
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    for (let failures = 1; !this.#abort.signal.aborted; failures++) {
      try {
        if (this.#url !== '') await this.#publish(() => (failures = 0));
      } catch (error) {
        log.debug('no telemetry for now', { error: String(error) });
      }
      await sleep(clock, jitter(backoffMs(failures, 1_000, 15_000), Math.random()), this.#abort.signal);
    }
  }

  /** Connects and publishes until the connection is lost. */
  async #publish(onConnected: () => void): Promise<void> {
    const { clock, sample } = this.#deps;
    const codec = JSONCodec<NodeUsage>();
    const connection = await connect({ servers: this.#url, reconnect: false, timeout: 5_000 });
    this.#connection = connection;
    onConnected();
    while (!connection.isClosed() && !this.#abort.signal.aborted) {
      const usage = await sample();
      if (connection.isClosed()) return;
      connection.publish(usageSubject(usage.nodeId), codec.encode(usage));
      const wait = Math.min(longestMs, Math.max(periodMs, usage.tasks.length * perTaskMs));
      await sleep(clock, wait, this.#abort.signal);
    }
  }
}
