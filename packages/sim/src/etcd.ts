import type { ICompare, IRequestOp, ITxnRequest } from 'etcd3';
import type { World } from './world.ts';

/** One change of a key, as watches tell it. */
export interface EtcdEvent {
  readonly key: string;
  readonly revision: number;
  readonly value?: Buffer;
}

interface Stored {
  readonly value: Buffer;
  readonly created: number;
  readonly modified: number;
}

interface Lease {
  readonly ttlMs: number;
  readonly keys: Set<string>;
  cancel: () => void;
}

/** Hears the events of one revision. */
export type EtcdListener = (revision: number, events: readonly EtcdEvent[]) => void;

type Found = readonly [key: string, stored: Stored];

/** The state of an etcd with its rules: revisions, transactions, leases, history, compaction. The wire is elsewhere. */
export class EtcdState {
  revision = 1;
  compacted = 0;
  readonly #world: World;
  readonly #entries = new Map<string, Stored>();
  readonly #history: { readonly revision: number; readonly events: readonly EtcdEvent[] }[] = [];
  readonly #leases = new Map<string, Lease>();
  readonly #listeners = new Set<EtcdListener>();
  #nextLease = 1;

  constructor(world: World) {
    this.#world = world;
  }

  get(key: string): Stored | undefined {
    return this.#entries.get(key);
  }

  /** Entries from `from` up to, not with, `end`, in order. */
  range(from: string, end: string): readonly Found[] {
    const found = [...this.#entries].filter(([key]) => key >= from && key < end);
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** All or nothing; answers whether the compares held. Throws for a lease that is gone, as etcd does. */
  txn({ compare = [], success = [] }: ITxnRequest): boolean {
    if (!compare.every((one) => this.#holds(one))) return false;
    const writes = success.flatMap((operation) => writeOf(operation));
    if (writes.some(({ lease }) => lease !== undefined && !this.#leases.has(lease)))
      throw new Error('5 NOT_FOUND: etcdserver: requested lease not found');
    this.#write(writes);
    return true;
  }

  /** Writes without a compare, as no part of the product does: for the world's own hand. */
  put(key: string, value: Buffer): void {
    this.#write([{ key, value }]);
  }

  grant(ttlMs: number): string {
    const id = String(this.#nextLease++);
    this.#leases.set(id, { ttlMs, keys: new Set(), cancel: () => undefined });
    this.renew(id);
    return id;
  }

  /** False if the lease is gone. */
  renew(id: string): boolean {
    const lease = this.#leases.get(id);
    if (!lease) return false;
    lease.cancel();
    lease.cancel = this.#world.clock.after(lease.ttlMs, () => this.revoke(id));
    return true;
  }

  revoke(id: string): void {
    const lease = this.#leases.get(id);
    if (!lease) return;
    lease.cancel();
    this.#leases.delete(id);
    this.#write([...lease.keys].map((key) => ({ key })));
  }

  /** Every lease ends now, as after a long stall of etcd. */
  revokeAll(): void {
    for (const id of [...this.#leases.keys()]) this.revoke(id);
  }

  compact(): void {
    this.compacted = this.revision;
    this.#history.length = 0;
  }

  /** What happened from `revision` on; undefined if that is compacted. */
  since(
    revision: number,
  ): readonly { readonly revision: number; readonly events: readonly EtcdEvent[] }[] | undefined {
    if (revision <= this.compacted) return undefined;
    return this.#history.filter((entry) => entry.revision >= revision);
  }

  listen(listener: EtcdListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #holds({ key, target, create_revision, mod_revision }: ICompare): boolean {
    const stored = this.#entries.get(text(key));
    return target === 'Create'
      ? (stored?.created ?? 0) === Number(create_revision)
      : (stored?.modified ?? 0) === Number(mod_revision);
  }

  #write(
    writes: readonly { readonly key: string; readonly value?: Buffer; readonly lease?: string }[],
  ): void {
    const revision = this.revision + 1;
    const events = writes.flatMap(({ key, value, lease }): EtcdEvent[] => {
      const before = this.#entries.get(key);
      if (value === undefined) return this.#entries.delete(key) ? [{ key, revision }] : [];
      this.#entries.set(key, { value, created: before?.created ?? revision, modified: revision });
      if (lease !== undefined) this.#leases.get(lease)?.keys.add(key);
      return [{ key, value, revision }];
    });
    if (events.length === 0) return;
    this.revision = revision;
    this.#history.push({ revision, events });
    for (const listener of [...this.#listeners]) listener(revision, events);
  }
}

function writeOf({ request_put, request_delete_range }: IRequestOp): readonly {
  readonly key: string;
  readonly value?: Buffer;
  readonly lease?: string;
}[] {
  if (request_put) {
    const { key, value, lease } = request_put;
    const held = lease === undefined ? undefined : String(lease);
    return [{ key: text(key), value: value as Buffer, ...(held !== undefined && { lease: held }) }];
  }
  return request_delete_range ? [{ key: text(request_delete_range.key) }] : [];
}

/** Keys as strings that sort as their bytes do. */
export function text(key: string | Buffer | undefined): string {
  return key === undefined ? '' : key.toString('latin1');
}
