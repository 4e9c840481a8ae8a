import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { namesOf } from '../plan/address-plan.ts';
import type { Lease } from '../plan/address-book.ts';
import { attachCommands, insideCommands, linkCommands, mtuCommands } from '../plan/links.ts';
import { linkMtus } from '../plan/observed.ts';
import { BandwidthLimits } from './bandwidth.ts';
import { ipBatch } from './commands.ts';
import { deviceSettings } from './host-links.ts';
import type { Settings } from './settings.ts';

/** Namespaces and links of containers. */
export class ContainerLinks {
  readonly #exec: Exec;
  readonly #settings: Settings;
  readonly bandwidth: BandwidthLimits;

  constructor(exec: Exec, settings: Settings) {
    this.#exec = exec;
    this.#settings = settings;
    this.bandwidth = new BandwidthLimits(exec);
  }

  /**
   * Namespace, link, address and routes, in this order. Throws `unreachable` if something of the same name is there; it is never
   * made twice, for a container may be in the namespace already.
   */
  async plug(lease: Lease, mtu: number): Promise<void> {
    try {
      await ipBatch(this.#exec, attachCommands(lease.containerId, lease.address, mtu));
      await this.#inside(lease);
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      throw new GantryError('unreachable', `the container got no link: ${words}`, { cause });
    }
  }

  /** Gives a running container its link back; its connections go on. Throws if its namespace is gone. */
  async replug(lease: Lease, mtu: number): Promise<void> {
    const { link } = namesOf(lease.containerId);
    await ipBatch(this.#exec, [`link del ${link}`], { force: true });
    await ipBatch(this.#exec, linkCommands(lease.containerId, lease.address, mtu));
    await this.#inside(lease);
    await this.bandwidth.again(lease.containerId);
  }

  /** Lets packets of containers that run be as long as the way to other hosts takes them now. */
  async fit(leases: readonly Lease[], mtu: number): Promise<void> {
    if (leases.length === 0) return;
    const mtus = linkMtus((await this.#exec(['ip', '-j', 'link', 'show'])).stdout);
    for (const { containerId } of leases) {
      const { netns, link } = namesOf(containerId);
      if ((mtus.get(link) ?? mtu) === mtu) continue;
      const [host, inside] = mtuCommands(containerId, mtu);
      await ipBatch(this.#exec, [host], { force: true });
      await ipBatch(this.#exec, [inside], { netns, force: true });
    }
  }

  async unplug(containerId: string): Promise<void> {
    const { netns, link, shaper } = namesOf(containerId);
    const gone = [`link del ${link}`, `netns del ${netns}`, `link del ${shaper}`];
    this.bandwidth.forget(containerId);
    await ipBatch(this.#exec, gone, { force: true });
  }

  /** True if the way to the container and the way out of it stand. */
  async stands({ containerId, address }: Lease): Promise<boolean> {
    const { netns, link } = namesOf(containerId);
    const [route, inside] = await Promise.all([
      this.#exec(['ip', 'route', 'show', `${address}/32`]),
      this.#exec(['ip', '-netns', netns, 'route', 'show', 'default']),
    ]);
    return route.stdout.includes(`dev ${link}`) && inside.stdout.includes('dev eth0');
  }

  async #inside({ containerId, address }: Lease): Promise<void> {
    const { netns, link } = namesOf(containerId);
    await Promise.all([
      ipBatch(this.#exec, insideCommands(address), { netns }),
      this.#settings(deviceSettings(link)),
    ]);
  }
}
