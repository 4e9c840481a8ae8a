import { backoffMs, jitter } from '@gantry/kit/backoff';
import type { Clock } from '@gantry/kit/clock';
import type { Random } from '@gantry/kit/random';
import type { Logger } from '@gantry/kit/log';
import type { IWatchRequest, IWatchResponse } from 'etcd3';
import { prefixEnd, type EtcdApi } from './etcd-client.ts';
import type { LogEvent, Watcher } from './log.ts';

export interface EtcdWatchDeps {
  readonly client: EtcdApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  /** Prefix of the watched keys. */
  readonly range: Buffer;
  /** A full key as the log's users know it. */
  readonly short: (key: Buffer) => string;
}

/** Without a word for this long the stream is asked for progress, and after as long again given up, ms. */
const stallMs = 7_500;

type Stream = Awaited<ReturnType<EtcdApi['watchClient']['watch']>>;

/**
 * One endless watch over a prefix: opens the stream, resumes at the next revision after every break, and takes a stream
 * that says nothing for dead.
 */
export class EtcdWatch {
  readonly #deps: EtcdWatchDeps;
  readonly #watcher: Watcher;
  #next = 0;
  #generation = 0;
  #failures = 0;
  #stream: Stream | undefined;
  #cancelTimer: () => void = () => undefined;
  /** Events of a revision that etcd sends in several pieces. */
  #pending: LogEvent[] = [];

  constructor(deps: EtcdWatchDeps, watcher: Watcher) {
    this.#deps = deps;
    this.#watcher = watcher;
  }

  start(revision: number): void {
    this.#next = revision + 1;
    void this.#open();
  }

  stop(): void {
    this.#generation++;
    this.#cancelTimer();
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  async #open(): Promise<void> {
    const generation = ++this.#generation;
    this.#pending = [];
    try {
      const stream = await this.#deps.client.watchClient.watch();
      // A stream that nobody listens to for errors ends the process.
      stream.on('error', (error: Error) => this.#broken(generation, error.message));
      stream.on('end', () => this.#broken(generation, 'the stream ended'));
      if (generation !== this.#generation) return stream.cancel();
      this.#stream = stream;
      stream.on('data', (response: IWatchResponse) => this.#take(generation, response));
      this.#send(stream, {
        create_request: {
          key: this.#deps.range,
          range_end: prefixEnd(this.#deps.range),
          start_revision: this.#next,
          progress_notify: true,
          fragment: true,
        },
      });
      this.#expectWords(generation, stream);
    } catch (error) {
      this.#broken(generation, String(error));
    }
  }

  #send(stream: Stream, request: IWatchRequest): void {
    stream.write(request);
  }

  #take(generation: number, response: IWatchResponse): void {
    if (generation !== this.#generation || !this.#stream) return;
    this.#failures = 0;
    this.#expectWords(generation, this.#stream);
    if (response.canceled) return this.#cancelled(generation, response);
    if (response.created) return;
    this.#pending.push(...response.events.map((event) => this.#event(event)));
    if (response.fragment) return;
    const events = this.#pending;
    this.#pending = [];
    const revision = Number(response.header.revision);
    // Answers to our own progress requests (watch -1) may run ahead of events still to come before etcd 3.4.25: they
    // are a sign of life, no more. Periodic notices speak for all revisions up to their own; events for theirs.
    if (events.length === 0 && Number(response.watch_id) < 0) return;
    const upTo = events.length === 0 ? revision : Math.max(...events.map(({ version }) => version));
    if (upTo < this.#next) return;
    this.#next = upTo + 1;
    this.#watcher.events(events, upTo);
  }

  #event({ type, kv }: IWatchResponse['events'][number]): LogEvent {
    const event = { key: this.#deps.short(kv.key), version: Number(kv.mod_revision) };
    return type === 'Delete' ? event : { ...event, value: kv.value.toString('utf8') };
  }

  #cancelled(generation: number, response: IWatchResponse): void {
    if (Number(response.compact_revision) > 0) {
      this.stop();
      this.#watcher.compacted();
      return;
    }
    this.#broken(generation, response.cancel_reason || 'etcd cancelled the watch');
  }

  #expectWords(generation: number, stream: Stream): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#deps.clock.after(stallMs, () => {
      this.#send(stream, { progress_request: {} });
      this.#cancelTimer = this.#deps.clock.after(stallMs, () =>
        this.#broken(generation, 'no word from etcd'),
      );
    });
  }

  #broken(generation: number, why: string): void {
    if (generation !== this.#generation) return;
    this.#failures++;
    this.stop();
    this.#deps.log.warn('the watch on etcd broke, opening it again', { why, failures: this.#failures });
    const delay = jitter(backoffMs(this.#failures, 50, 2_000), this.#deps.random());
    this.#cancelTimer = this.#deps.clock.after(delay, () => void this.#open());
  }
}
