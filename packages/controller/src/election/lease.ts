import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { ILeaseKeepAliveResponse } from 'etcd3';
import type { EtcdApi } from '../store/etcd-client.ts';

export interface LeaseDeps {
  readonly client: EtcdApi;
  readonly clock: Clock;
  readonly log: Logger;
}

type Stream = Awaited<ReturnType<EtcdApi['leaseClient']['leaseKeepAlive']>>;

/** Kept back from the TTL for the difference of two clocks, as a share of it. */
const marginShare = 0.1;

/** A lease of etcd that is renewed until it is revoked or lost. */
export class Lease {
  readonly id: string;
  readonly #deps: LeaseDeps;
  readonly #ttlMs: number;
  #validUntil: number;
  #sentAt = 0;
  #stream: Stream | undefined;
  #cancel: () => void = () => undefined;
  #tellLost: () => void = () => undefined;
  #ended = false;

  private constructor(deps: LeaseDeps, id: string, ttlMs: number, grantedAt: number) {
    this.#deps = deps;
    this.id = id;
    this.#ttlMs = ttlMs;
    this.#validUntil = grantedAt + ttlMs * (1 - marginShare);
    this.#schedule(ttlMs / 3);
  }

  static async grant(deps: LeaseDeps, ttlSeconds: number): Promise<Lease> {
    const sentAt = deps.clock.monotonic();
    const { ID, TTL } = await deps.client.leaseClient.leaseGrant({ TTL: ttlSeconds });
    return new Lease(deps, ID, Number(TTL) * 1_000, sentAt);
  }

  /** True until `sentAt + ttl − margin` of the last renewal that etcd confirmed. */
  valid(): boolean {
    return !this.#ended && this.#deps.clock.monotonic() < this.#validUntil;
  }

  /** Resolves once etcd says that the lease is gone, or `signal` aborts. An etcd that says nothing has not said so. */
  lost(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended || signal.aborted) return resolve();
      this.#tellLost = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async revoke(): Promise<void> {
    this.#end();
    await this.#deps.client.leaseClient.leaseRevoke({ ID: this.id }).catch((error: unknown) => {
      this.#deps.log.warn('could not revoke the lease; it ends by itself', { error: String(error) });
    });
  }

  #end(): void {
    this.#ended = true;
    this.#cancel();
    this.#stream?.cancel();
    this.#stream = undefined;
    this.#tellLost();
  }

  #schedule(ms: number): void {
    this.#cancel();
    this.#cancel = this.#deps.clock.after(ms, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    if (this.#ended) return;
    // Renewals that stay without an answer open a new stream; until one is confirmed the lease ages.
    this.#schedule(this.#ttlMs / 3);
    try {
      if (this.#stream && this.#sentAt > 0) this.#drop();
      this.#stream ??= await this.#open();
      this.#sentAt = this.#deps.clock.monotonic();
      this.#stream.write({ ID: this.id });
    } catch (error) {
      this.#deps.log.warn('cannot renew the lease', { error: String(error) });
      this.#drop();
    }
  }

  async #open(): Promise<Stream> {
    const stream = await this.#deps.client.leaseClient.leaseKeepAlive();
    stream.on('error', () => this.#forget(stream));
    stream.on('end', () => this.#forget(stream));
    stream.on('data', (response: ILeaseKeepAliveResponse) => this.#confirmed(stream, response));
    return stream;
  }

  #confirmed(stream: Stream, response: ILeaseKeepAliveResponse): void {
    if (stream !== this.#stream || this.#ended) return;
    if (Number(response.TTL) <= 0) return this.#end();
    this.#validUntil = this.#sentAt + this.#ttlMs * (1 - marginShare);
    this.#sentAt = 0;
  }

  #drop(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#sentAt = 0;
    stream?.cancel();
  }

  #forget(stream: Stream): void {
    if (stream === this.#stream) this.#stream = undefined;
    this.#sentAt = 0;
  }
}
