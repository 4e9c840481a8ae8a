import type { IRangeRequest, ITxnRequest, IWatchRequest } from 'etcd3';
import type { EtcdApi } from '@gantry/controller/store/etcd-client';
import { Emitter } from './emitter.ts';
import { text, type EtcdEvent, type EtcdState } from './etcd.ts';
import type { Connection, Wire } from './wire.ts';
import type { Process } from './world.ts';

/** What may go wrong between a controller and etcd, as shares of one. */
export interface EtcdFaults {
  /** A transaction is carried out and nobody hears of it. */
  lostAnswers: number;
  /** Watches tell everything this much later, ms: views are old. */
  watchLag: number;
}

/** Deadline of a unary call, ms (the product's own). */
const deadlineMs = 5_000;

/** What one controller sees of etcd: the calls of the client library, over a wire that may fail. */
export class EtcdDoor {
  readonly #etcd: EtcdState;
  readonly #wire: Wire;
  readonly #process: Process;
  readonly #faults: EtcdFaults;

  constructor(etcd: EtcdState, wire: Wire, process: Process, faults: EtcdFaults) {
    this.#etcd = etcd;
    this.#wire = wire;
    this.#process = process;
    this.#faults = faults;
  }

  api(): EtcdApi {
    return {
      kv: {
        txn: (request: ITxnRequest) => this.#call(() => this.#txn(request), this.#faults.lostAnswers),
        range: (request: IRangeRequest) => this.#call(() => this.#range(request), 0),
      },
      watchClient: { watch: () => this.#stream(watching(this.#etcd), () => this.#faults.watchLag) },
      leaseClient: {
        leaseGrant: ({ TTL }: { TTL?: unknown }) =>
          this.#call(
            () => ({ ...this.#header(), ID: this.#etcd.grant(Number(TTL) * 1_000), TTL: String(TTL) }),
            0,
          ),
        leaseRevoke: ({ ID }: { ID?: unknown }) =>
          this.#call(() => {
            this.#etcd.revoke(String(ID));
            return this.#header();
          }, 0),
        leaseKeepAlive: () => this.#stream(keepingAlive(this.#etcd), () => 0),
      },
    } as unknown as EtcdApi;
  }

  #connect(lag: () => number = () => 0): Connection {
    const { random } = this.#process;
    const latency = (): number => (random() < 0.02 ? random() * 400 : random() * 2) + lag();
    const connection = this.#wire.connect(this.#process.name, 'etcd', latency);
    if (!connection) throw new Error('14 UNAVAILABLE: etcd cannot be reached');
    return connection;
  }

  /** One unary call on a connection of its own: done, refused, or no word of it until the deadline. */
  #call<T>(work: () => T, loseShare: number): Promise<T> {
    const { clock, random } = this.#process;
    const lost = loseShare > 0 && random() < loseShare;
    return new Promise((resolve, reject) => {
      if (!this.#process.touch()) return;
      let connection: Connection;
      try {
        connection = this.#connect();
      } catch (error) {
        clock.after(20, () => reject(error));
        return;
      }
      const timer = clock.after(deadlineMs, () => {
        connection.break();
        reject(new Error('4 DEADLINE_EXCEEDED'));
      });
      connection.onBreak(() => {
        timer();
        this.#process.run(() => reject(new Error('14 UNAVAILABLE: connection reset')));
      });
      connection.up(() => {
        const answer = attempt(work);
        if (lost) return;
        connection.down(() => {
          timer();
          connection.close();
          this.#process.run(() => {
            if (!this.#process.touch()) return;
            if (answer instanceof Error) reject(answer);
            else resolve(answer);
          });
        });
      });
    });
  }

  #stream(serve: Serve, lag: () => number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.#process.touch()) return;
      try {
        const connection = this.#connect(lag);
        this.#process.clock.after(1, () => resolve(new ClientStream(connection, this.#process, serve)));
      } catch (error) {
        this.#process.clock.after(20, () => reject(error));
      }
    });
  }

  #txn(request: ITxnRequest): unknown {
    const succeeded = this.#etcd.txn(request);
    const responses = succeeded
      ? []
      : (request.failure ?? []).map(({ request_range }) => {
          const stored = this.#etcd.get(text(request_range?.key));
          const found = stored && {
            mod_revision: String(stored.modified),
            create_revision: String(stored.created),
          };
          return { response_range: { kvs: found ? [found] : [] } };
        });
    return { ...this.#header(), succeeded, responses };
  }

  #range({ key, range_end }: IRangeRequest): unknown {
    const kvs = this.#etcd.range(text(key as Buffer), text(range_end as Buffer)).map(([name, stored]) => ({
      key: Buffer.from(name, 'latin1'),
      value: stored.value,
      mod_revision: String(stored.modified),
      create_revision: String(stored.created),
    }));
    return { ...this.#header(), kvs, more: false };
  }

  #header(): { readonly header: { readonly revision: string } } {
    return { header: { revision: String(this.#etcd.revision) } };
  }
}

/** The server's side of a stream: what it does with a request; answers with the way to end it. */
interface Served {
  take(request: unknown): void;
  end(): void;
}
type Serve = (answer: (message: unknown) => void) => Served;

/** A stream as the client library hands it out. */
class ClientStream extends Emitter {
  readonly #connection: Connection;
  readonly #served: Served;
  #cancelled = false;

  constructor(connection: Connection, process: Process, serve: Serve) {
    super();
    this.#connection = connection;
    this.#served = serve((message) =>
      connection.down(() => {
        if (!this.#cancelled) process.run(() => this.emit('data', message));
      }),
    );
    connection.onBreak(() => {
      this.#served.end();
      if (!this.#cancelled)
        process.run(() => this.emit('error', new Error('14 UNAVAILABLE: connection reset')));
    });
  }

  write(request: unknown): boolean {
    this.#connection.up(() => this.#served.take(request));
    return true;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#connection.break();
  }
}

function watching(etcd: EtcdState): Serve {
  return (answer) => {
    let stop: () => void = () => undefined;
    const send = (revision: number, events: readonly EtcdEvent[]): void =>
      answer({ ...watchHeader(revision), events: events.map(asWire) });
    return {
      take: (request) => {
        const { create_request } = request as IWatchRequest;
        // An answer to a progress request tells nothing but that etcd is there.
        if (!create_request) return answer({ ...watchHeader(etcd.revision), watch_id: '-1', events: [] });
        const from = Number(create_request.start_revision);
        answer({ ...watchHeader(etcd.revision), created: true, events: [] });
        const missed = etcd.since(from);
        if (!missed) {
          answer({
            ...watchHeader(etcd.revision),
            canceled: true,
            compact_revision: String(etcd.compacted),
            events: [],
          });
          return;
        }
        for (const { revision, events } of missed) send(revision, events);
        stop = etcd.listen(send);
      },
      end: () => stop(),
    };
  };
}

function watchHeader(revision: number): object {
  return { header: { revision: String(revision) }, watch_id: '0', compact_revision: '0', fragment: false };
}

function asWire({ key, revision, value }: EtcdEvent): object {
  return {
    type: value === undefined ? 'Delete' : 'Put',
    kv: { key: Buffer.from(key, 'latin1'), value: value ?? Buffer.alloc(0), mod_revision: String(revision) },
  };
}

function keepingAlive(etcd: EtcdState): Serve {
  return (answer) => ({
    take: (request) => {
      const { ID } = request as { ID: string };
      answer({ ID, TTL: etcd.renew(ID) ? '4' : '0' });
    },
    end: () => undefined,
  });
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
