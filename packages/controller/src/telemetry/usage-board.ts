import { connect, JSONCodec, type NatsConnection } from 'nats';
import { backoffMs, jitter } from '@gantry/kit/backoff';
import { sleep, type Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { allUsage, type NodeUsage } from '@gantry/model/usage';

/** What is older than this is no longer what a node uses now, ms. */
const freshMs = 15_000;

/** The newest usage of each node, as heard on NATS. NATS may be away: then there is nothing new, and no more happens. */
export class UsageBoard {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #newest = new Map<string, { readonly heardAt: number; readonly usage: NodeUsage }>();
  readonly #abort = new AbortController();
  #connection: NatsConnection | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Listens on the NATS at `url` for ever; the connection is made anew whenever it is lost. */
  start(url: string): void {
    this.#running = this.#run(url);
  }

  /** Usage of every node that was heard lately. */
  current(): readonly NodeUsage[] {
    const since = this.#clock.monotonic() - freshMs;
    return [...this.#newest.values()].filter(({ heardAt }) => heardAt >= since).map(({ usage }) => usage);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#connection?.close();
    await this.#running;
  }

  async #run(url: string): Promise<void> {
    for (let failures = 1; !this.#abort.signal.aborted; failures++) {
      try {
        await this.#listen(url, () => (failures = 0));
      } catch (error) {
        this.#log.debug('no telemetry for now', { error: String(error) });
      }
      await sleep(this.#clock, jitter(backoffMs(failures, 500, 10_000), Math.random()), this.#abort.signal);
    }
  }

  async #listen(url: string, onConnected: () => void): Promise<void> {
    const connection = await connect({ servers: url, reconnect: false, timeout: 5_000 });
    this.#connection = connection;
    onConnected();
    const codec = JSONCodec<NodeUsage>();
    for await (const message of connection.subscribe(allUsage)) {
      const usage = codec.decode(message.data);
      this.#newest.set(usage.nodeId, { heardAt: this.#clock.monotonic(), usage });
    }
  }
}
