import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { Converse } from '@gantry/kit/converse';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Follow } from '@gantry/kit/follow';
import type { Logger } from '@gantry/kit/log';
import { Paced } from '@gantry/kit/paced';
import type { Bandwidth } from '@gantry/model/limits';
import { same } from '@gantry/model/same';
import type { PortSpec } from '@gantry/model/service';
import type { NodeNetwork } from '@gantry/model/node';
import { Leases } from '../leases.ts';
import type { Attachment, Network, NetworkState } from '../network.ts';
import type { Lease } from '../plan/address-book.ts';
import { containerAddresses, namesOf } from '../plan/address-plan.ts';
import type { Local } from '../plan/locals.ts';
import { TunnelKeys } from '../tunnel-keys.ts';
import { ContainerLinks } from './container-links.ts';
import { namespaceMade, namespaceStands } from './namespaces.ts';
import { ForwardPolicy } from './forward-policy.ts';
import { isEncrypted, KernelHost } from './kernel-host.ts';
import { NftSession } from './nft-session.ts';
import { SteadyNft, type Nft } from './nft.ts';
import type { Settings } from './settings.ts';
import { Watch } from './watch.ts';

export interface KernelNetworkDeps {
  readonly stateDir: string;
  /** For what a restart of the host may take; best in memory. */
  readonly runDir: string;
  /** Addresses that containers must not reach: the controllers'. */
  readonly guarded: readonly string[];
  /** Runs in this host's network namespace. */
  readonly exec: Exec;
  /** Of the same namespace. */
  readonly settings: Settings;
  readonly follow: Follow;
  readonly converse: Converse;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Between changes of the rules in a burst, ms. */
const burstMs = 20;

/** Opens this host's network; nothing is touched before the first `configure`. */
export async function createKernelNetwork(deps: KernelNetworkDeps): Promise<Network> {
  const leases = new Leases(join(deps.stateDir, 'network', 'leases'), deps.clock);
  const keys = new TunnelKeys(join(deps.stateDir, 'network', 'wireguard'), () => deps.clock.now());
  await Promise.all([leases.open(), keys.open()]);
  return new KernelNetwork(deps, leases, keys);
}

class KernelNetwork implements Network {
  readonly #deps: KernelNetworkDeps;
  readonly #leases: Leases;
  readonly #keys: TunnelKeys;
  readonly #containers: ContainerLinks;
  readonly #firewalls: ForwardPolicy;
  readonly #watch: Watch;
  readonly #nft: Nft;
  /** Containers whose links stand: only these are led to. */
  readonly #plugged = new Set<string>();
  /** The making of the last link of each container that this agent attached. */
  readonly #plugging = new Map<string, Promise<void>>();
  #state: NetworkState | undefined;
  #host: KernelHost | undefined;
  /** Rules follow at once; in a burst once for many changes, as each costs a wait. */
  readonly #updates: Paced;
  /** The last change that an attached container waits for. */
  #ruled: Promise<void> = Promise.resolve();
  /** Changes of links and rules are made one after another. */
  #queue: Promise<void> = Promise.resolve();

  constructor(deps: KernelNetworkDeps, leases: Leases, keys: TunnelKeys) {
    this.#deps = deps;
    this.#leases = leases;
    this.#keys = keys;
    this.#containers = new ContainerLinks(deps.exec, deps.settings);
    const session = new NftSession({ ...deps, dir: join(deps.runDir, 'nft') });
    this.#nft = new SteadyNft(session, deps.exec, deps.log);
    this.#firewalls = new ForwardPolicy(deps.exec, deps.log);
    this.#updates = new Paced(deps.clock, burstMs, () => this.#inTurn(() => this.#update()));
    this.#watch = new Watch(deps, {
      isOurs: (link) => /^g[vxwi]/.test(link) && (!/^g[vi]/.test(link) || this.#plugged.has(link.slice(2))),
      stands: () => this.#host?.stands() ?? Promise.resolve(true),
      look: () => this.#inTurn(() => this.#verify()),
    });
  }

  async configure(state: NetworkState): Promise<void> {
    const [before, host] = [this.#state, this.#host];
    this.#state = state;
    if (host && before && !isAnotherHost(before, state)) {
      await this.#updates.run();
      return host.forgotten();
    }
    try {
      await this.#inTurn(() => this.#build(state));
    } finally {
      this.#watch.start(); // it tries again what failed
    }
    await this.#host?.forgotten();
  }

  async attach(containerId: string, hostPorts: readonly PortSpec[]): Promise<Attachment> {
    const state = this.#state;
    if (!state)
      throw new GantryError('unreachable', 'this host has no addresses yet: it waits for the controller');
    const known = this.#leases.get(containerId) !== undefined || namespaceStands(containerId);
    const lease = await this.#leases.take(containerId, containerAddresses(state.subnet), hostPorts);
    if (known) await this.#take(lease);
    else await namespaceMade(this.#deps.clock, containerId, this.#plug(lease));
    return attachmentOf(lease);
  }

  /** What an earlier attempt or agent made: it stands whole, or is made anew before anything is put into it. */
  async #take(lease: Lease): Promise<void> {
    await this.#plugging.get(lease.containerId)?.catch(() => undefined);
    if (await this.#containers.stands(lease)) return this.#lead(lease.containerId);
    await this.#containers.unplug(lease.containerId);
    await this.#plug(lease);
  }

  /** Makes namespace and link, and begins with the rules. */
  #plug(lease: Lease): Promise<void> {
    const plugging = this.#containers.plug(lease, this.#mtu()).then(() => this.#lead(lease.containerId));
    plugging.catch(() => undefined); // said to who asks
    this.#plugging.set(lease.containerId, plugging);
    return plugging;
  }

  #lead(containerId: string): void {
    this.#plugged.add(containerId);
    this.#ruled = this.#updates.run();
    this.#ruled.catch(() => undefined); // said to who asks
  }

  async limit(containerId: string, bandwidth: Bandwidth | undefined): Promise<void> {
    await this.#plugging.get(containerId);
    return this.#inTurn(() => this.#containers.bandwidth.set(containerId, bandwidth));
  }

  async settled(containerId: string): Promise<void> {
    await this.#plugging.get(containerId);
    await this.#ruled.catch(() => (this.#ruled = this.#updates.run()));
    if (!this.#host)
      throw new GantryError(
        'unreachable',
        'the network of this host does not stand; it is tried again in seconds',
      );
  }

  async detach(containerId: string): Promise<void> {
    await this.#plugging.get(containerId)?.catch(() => undefined);
    this.#plugging.delete(containerId);
    this.#plugged.delete(containerId);
    await this.#containers.unplug(containerId);
    await this.#leases.release(containerId);
    await this.#updates.run();
  }

  attached(): Promise<readonly Attachment[]> {
    return Promise.resolve(this.#leases.all().map(attachmentOf));
  }

  report(): NodeNetwork {
    const problem = this.#host?.problem;
    return {
      keys: this.#keys.all.map(({ generation, publicKey }) => ({ generation, publicKey })),
      encrypted: isEncrypted(this.#state?.encryption),
      ...(problem !== undefined && { problem }),
      ...(this.#host?.sourceNat && { sourceNat: true }),
    };
  }

  async teardown(): Promise<void> {
    await this.close();
    for (const { containerId } of this.#leases.all()) await this.detach(containerId);
    await this.#inTurn(async () => {
      await this.#firewalls.close();
      await this.#host?.remove();
      this.#host = undefined;
      this.#state = undefined;
    });
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await Promise.allSettled(this.#plugging.values());
    await this.#queue;
    await this.#nft.close();
  }

  /** Everything from nothing, or from whatever an earlier agent left: containers stay connected meanwhile. */
  async #build(state: NetworkState): Promise<void> {
    const underlayDir = join(this.#deps.stateDir, 'network', 'wireguard');
    // Until it is whole there is no host: nothing may go on by what held before.
    this.#host = undefined;
    const host = new KernelHost({ ...this.#deps, nft: this.#nft, keys: this.#keys, underlayDir }, state);
    await host.prepare(state);
    await this.#containers.fit(this.#leases.all(), host.mtu);
    this.#plugged.clear();
    for (const lease of this.#leases.all()) {
      if (await this.#containers.stands(lease)) this.#plugged.add(lease.containerId);
      else this.#deps.log.info('a container has no link', { task: lease.containerId });
    }
    await host.build(state, this.#locals());
    await this.#firewalls.open();
    this.#host = host;
  }

  /** Looks at what is there, and makes again what others took. */
  async #verify(): Promise<void> {
    const [state, host] = [this.#state, this.#host];
    if (!state) return;
    if (!host) return this.#build(state);
    const missing = await host.repair(state, this.#locals());
    for (const lease of this.#leases.all()) {
      const { link } = namesOf(lease.containerId);
      if (!this.#plugged.has(lease.containerId) || host.linksUp.has(link)) continue;
      await this.#replug(lease, host.mtu);
      missing.push(link);
    }
    for (const id of this.#containers.bandwidth.broken(host.linksUp)) {
      await this.#containers.bandwidth.again(id);
      missing.push(namesOf(id).shaper);
    }
    if (missing.length > 0) this.#deps.log.warn('others removed parts of the network: repaired', { missing });
    await this.#firewalls.open();
  }

  async #replug(lease: Lease, mtu: number): Promise<void> {
    await this.#containers.replug(lease, mtu).catch((error: unknown) => {
      this.#deps.log.error('a container cannot get its link back', {
        task: lease.containerId,
        error: String(error),
      });
    });
  }

  async #update(): Promise<void> {
    if (this.#state && this.#host) await this.#host.update(this.#state, this.#locals());
  }

  #locals(): readonly Local[] {
    const tasks = new Map((this.#state?.tasks ?? []).map((task) => [task.taskId, task]));
    return this.#leases
      .all()
      .filter(({ containerId }) => this.#plugged.has(containerId))
      .map((lease) => {
        const task = tasks.get(lease.containerId);
        return { attachment: attachmentOf(lease), ...(task && { task }) };
      });
  }

  #mtu(): number {
    return this.#host?.mtu ?? 1_450;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/** True if what is made for one state is not what the other needs: the host is built anew. */
function isAnotherHost(before: NetworkState, { subnet, address, pools, encryption }: NetworkState): boolean {
  if (before.subnet !== subnet || before.address !== address || !same(before.pools, pools)) return true;
  return isEncrypted(before.encryption) !== isEncrypted(encryption);
}

function attachmentOf({ containerId, address, hostPorts }: Lease): Attachment {
  return { containerId, address, netns: `/run/netns/${namesOf(containerId).netns}`, hostPorts };
}
