import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { AddressBook, type Lease } from './plan/address-book.ts';
import type { PortSpec } from '@gantry/model/service';

/** The leases of this host on its disk, a file each; also those that rest, so that a restart forgets no quarantine. */
export class Leases {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #book = new AddressBook();

  constructor(dir: string, clock: Clock) {
    this.#dir = dir;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir)) {
      const lease = await readLease(join(this.#dir, name));
      if (lease?.containerId === basename(name, '.json')) this.#book.adopt(lease);
    }
    await this.#sweep();
  }

  all(): readonly Lease[] {
    return this.#book.held();
  }

  get(containerId: string): Lease | undefined {
    return this.#book.get(containerId);
  }

  /** The container's lease: the one it has, or a new one of the pool. Throws `exhausted`, or `port_taken`. */
  async take(containerId: string, pool: readonly string[], hostPorts: readonly PortSpec[]): Promise<Lease> {
    const known = this.#book.get(containerId);
    if (known) return known;
    await this.#sweep();
    const lease = this.#book.take(containerId, pool, hostPorts, this.#clock.now());
    await this.#write(lease);
    return lease;
  }

  async release(containerId: string): Promise<void> {
    const resting = this.#book.release(containerId, this.#clock.now());
    if (resting) await this.#write(resting);
    await this.#sweep();
  }

  async #write(lease: Lease): Promise<void> {
    const file = this.#file(lease.containerId);
    await writeFile(`${file}.tmp`, JSON.stringify(lease), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  }

  async #sweep(): Promise<void> {
    for (const id of this.#book.rested(this.#clock.now())) await rm(this.#file(id), { force: true });
  }

  #file(containerId: string): string {
    return join(this.#dir, `${containerId}.json`);
  }
}

async function readLease(file: string): Promise<Lease | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Lease;
  } catch {
    return undefined;
  }
}
