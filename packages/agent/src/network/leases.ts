import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { PortSpec } from '@gantry/model/service';

/** An address and the host ports of one container, on disk until it is detached. */
export interface Lease {
  readonly containerId: string;
  readonly address: string;
  readonly hostPorts: readonly PortSpec[];
}

/** An address rests this long before it is given again: answers to its former owner must have died out, ms. */
const quarantineMs = 60_000;

/** Which container has which address of this node; kept in a file each. */
export class Leases {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #leases = new Map<string, Lease>();
  readonly #resting = new Map<string, number>();
  #next = 0;

  constructor(dir: string, clock: Clock) {
    this.#dir = dir;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir)) {
      const lease = await readLease(join(this.#dir, name));
      if (lease?.containerId === basename(name, '.json')) this.#leases.set(lease.containerId, lease);
    }
  }

  all(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  get(containerId: string): Lease | undefined {
    return this.#leases.get(containerId);
  }

  /** The container's lease: the one it has, or a new one of the pool. Throws `exhausted`, or `port_taken`. */
  async take(containerId: string, pool: readonly string[], hostPorts: readonly PortSpec[]): Promise<Lease> {
    const known = this.#leases.get(containerId);
    if (known) return known;
    this.#checkPorts(hostPorts);
    const lease = { containerId, address: this.#freeAddress(pool), hostPorts };
    this.#leases.set(containerId, lease);
    const file = join(this.#dir, `${containerId}.json`);
    await writeFile(`${file}.tmp`, JSON.stringify(lease), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    return lease;
  }

  async release(containerId: string): Promise<void> {
    const lease = this.#leases.get(containerId);
    if (lease) this.#resting.set(lease.address, this.#clock.monotonic() + quarantineMs);
    this.#leases.delete(containerId);
    await rm(join(this.#dir, `${containerId}.json`), { force: true });
  }

  /** In turn, so that an address rests as long as there are others. */
  #freeAddress(pool: readonly string[]): string {
    const used = new Set(this.all().map(({ address }) => address));
    const now = this.#clock.monotonic();
    for (const [address, until] of this.#resting) if (until <= now) this.#resting.delete(address);
    for (let tries = 0; tries < pool.length; tries++) {
      const address = pool[(this.#next + tries) % pool.length];
      if (address === undefined || used.has(address) || this.#resting.has(address)) continue;
      this.#next = (this.#next + tries + 1) % pool.length;
      return address;
    }
    const resting = this.#resting.size;
    throw new GantryError(
      'exhausted',
      `all ${pool.length} container addresses of this host are taken (${resting} rest for a minute)`,
      {
        hint: 'run fewer tasks on this host, or add hosts',
      },
    );
  }

  #checkPorts(hostPorts: readonly PortSpec[]): void {
    for (const { published, protocol } of hostPorts) {
      const holder = this.all().find((lease) =>
        lease.hostPorts.some((port) => port.published === published && port.protocol === protocol),
      );
      if (holder) {
        throw new GantryError(
          'port_taken',
          `host port ${published}/${protocol} is held by task ${holder.containerId}`,
        );
      }
    }
  }
}

async function readLease(file: string): Promise<Lease | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Lease;
  } catch {
    return undefined;
  }
}
