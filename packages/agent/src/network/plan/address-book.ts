import { GantryError } from '@gantry/kit/errors';
import type { PortSpec } from '@gantry/model/service';
import { portKey } from './balancing.ts';

/** An address and the host ports of one container. */
export interface Lease {
  readonly containerId: string;
  readonly address: string;
  readonly hostPorts: readonly PortSpec[];
  /** When the container let go of it, ms since the epoch: the address rests, the ports are free. */
  readonly releasedAt?: number;
}

/** An address rests this long before it is given again: answers to its former owner must have died out, ms. */
export const quarantineMs = 60_000;
/**
 * … unless all others are taken or rest, too: then the one that rested longest is given, after this long, ms. By then every
 * host has acknowledged that it sends nothing there, and no name is remembered so long.
 */
export const shortQuarantineMs = 10_000;

/** Which container has which address of this node. */
export class AddressBook {
  readonly #leases = new Map<string, Lease>();
  #next = 0;

  /** Takes up what was known before a restart. */
  adopt(lease: Lease): void {
    this.#leases.set(lease.containerId, lease);
  }

  held(): readonly Lease[] {
    return [...this.#leases.values()].filter(({ releasedAt }) => releasedAt === undefined);
  }

  get(containerId: string): Lease | undefined {
    const lease = this.#leases.get(containerId);
    return lease?.releasedAt === undefined ? lease : undefined;
  }

  /** A new lease of the pool; a container that comes back gets its own. Throws `exhausted`, or `port_taken`. */
  take(containerId: string, pool: readonly string[], hostPorts: readonly PortSpec[], now: number): Lease {
    this.#checkPorts(hostPorts);
    const had = this.#leases.get(containerId)?.address;
    const own = had !== undefined && pool.includes(had) && !this.#held().has(had);
    const address = own ? had : this.#freeAddress(pool, now);
    const lease = { containerId, address, hostPorts };
    this.#leases.set(containerId, lease);
    return lease;
  }

  /** The lease as it rests now; undefined if there is none. */
  release(containerId: string, now: number): Lease | undefined {
    const lease = this.get(containerId);
    if (!lease) return undefined;
    const resting = { ...lease, releasedAt: now };
    this.#leases.set(containerId, resting);
    return resting;
  }

  /** Forgets leases that have rested long enough; answers with their containers. A clock set back ends a rest, too. */
  rested(now: number): readonly string[] {
    const over = [...this.#leases.values()].filter(
      ({ releasedAt }) => releasedAt !== undefined && Math.abs(now - releasedAt) >= quarantineMs,
    );
    for (const { containerId } of over) this.#leases.delete(containerId);
    return over.map(({ containerId }) => containerId);
  }

  /** In turn, so that an address rests as long as there are others. */
  #freeAddress(pool: readonly string[], now: number): string {
    const used = new Set([...this.#leases.values()].map(({ address }) => address));
    for (let tries = 0; tries < pool.length; tries++) {
      const address = pool[(this.#next + tries) % pool.length];
      if (address === undefined || used.has(address)) continue;
      this.#next = (this.#next + tries + 1) % pool.length;
      return address;
    }
    const resting = this.#resting(pool, now);
    const [longest] = resting;
    if (!longest || now < longest.until) throw exhausted(pool.length, resting, now);
    // Its lease stays until it has rested: then its file goes, too.
    return longest.address;
  }

  /** Addresses that nobody holds, and when each may be given if it must; the first to be free first. */
  #resting(pool: readonly string[], now: number): readonly Resting[] {
    const held = this.#held();
    return [...this.#leases.values()]
      .filter(
        ({ address, releasedAt }) => releasedAt !== undefined && pool.includes(address) && !held.has(address),
      )
      .map(({ address, releasedAt = now }) => ({
        address,
        until: Math.min(releasedAt, now) + shortQuarantineMs,
      }))
      .sort((a, b) => a.until - b.until);
  }

  #held(): ReadonlySet<string> {
    return new Set(this.held().map(({ address }) => address));
  }

  #checkPorts(hostPorts: readonly PortSpec[]): void {
    const wanted = new Set(hostPorts.map((port) => portKey(port).join(' ')));
    for (const { containerId, hostPorts: ports } of this.held()) {
      const port = ports.find((held) => wanted.has(portKey(held).join(' ')));
      if (port) {
        const where = `${port.hostIp === undefined ? '' : `${port.hostIp}:`}${port.published}/${port.protocol}`;
        throw new GantryError('port_taken', `host port ${where} is held by task ${containerId}`, {
          hint: 'stop that task, or choose another port',
        });
      }
    }
  }
}

interface Resting {
  readonly address: string;
  /** ms since the epoch */
  readonly until: number;
}

function exhausted(size: number, resting: readonly Resting[], now: number): GantryError {
  const [first] = resting;
  const soon = first
    ? `, ${resting.length} of them rest; the next is free in ${Math.ceil((first.until - now) / 1_000)} s`
    : '';
  return new GantryError('exhausted', `all ${size} container addresses of this host are taken${soon}`, {
    hint: 'run fewer tasks on this host, or add hosts',
  });
}
