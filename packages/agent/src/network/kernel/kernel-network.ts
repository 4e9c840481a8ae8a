import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import type { PortSpec } from '@gantry/model/service';
import { Leases, type Lease } from '../leases.ts';
import type { Attachment, Network, NetworkState } from '../network.ts';
import { elementChanges, elementsOf, type Elements } from '../plan/elements.ts';
import {
  attachCommands,
  containerAddresses,
  insideCommands,
  namesOf,
  peerCommands,
  removePeerCommands,
  seedOf,
  tunnel,
  tunnelAddress,
  tunnelCommands,
  tunnelOverhead,
} from '../plan/links.ts';
import { ruleset, table, type RulesetConfig } from '../plan/ruleset.ts';
import { bridgeBatch, ipBatch, nft } from './commands.ts';

export interface KernelNetworkDeps extends RulesetConfig {
  readonly stateDir: string;
  /** Runs in this host's network namespace. */
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What others may have flushed or deleted is looked for this often, ms. */
const verifyMs = 5_000;
const noElements: Elements = new Map();

/** Opens this host's network; nothing is touched before the first `configure`. */
export async function createKernelNetwork(deps: KernelNetworkDeps): Promise<Network> {
  const leases = new Leases(join(deps.stateDir, 'network', 'leases'), deps.clock);
  await leases.open();
  return new KernelNetwork(deps, leases);
}

class KernelNetwork implements Network {
  readonly #deps: KernelNetworkDeps;
  readonly #leases: Leases;
  #state: NetworkState | undefined;
  #mtu = 1_450;
  /** What the kernel holds, as far as we know. */
  #applied: { peers: NetworkState['peers']; elements: Elements } | undefined;
  /** Changes of rules and peers are made one after another. */
  #queue: Promise<void> = Promise.resolve();
  #cancelVerify: () => void = () => undefined;
  #closed = false;

  constructor(deps: KernelNetworkDeps, leases: Leases) {
    this.#deps = deps;
    this.#leases = leases;
  }

  configure(state: NetworkState): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#state;
      this.#state = state;
      const rebuilt = !this.#applied || before?.subnet !== state.subnet || before.address !== state.address;
      await (rebuilt ? this.#build(state) : this.#update(state));
      this.#scheduleVerify();
    });
  }

  async attach(containerId: string, hostPorts: readonly PortSpec[]): Promise<Attachment> {
    const state = this.#state;
    if (!state)
      throw new GantryError('unreachable', 'this host has no addresses yet: it waits for the controller');
    const known = this.#leases.get(containerId);
    const lease = await this.#leases.take(containerId, containerAddresses(state.subnet), hostPorts);
    if (!known || !(await this.#isAttached(lease))) await this.#plug(lease);
    await this.#syncElements();
    return attachmentOf(lease);
  }

  async detach(containerId: string): Promise<void> {
    const { netns, link } = namesOf(containerId);
    await ipBatch(this.#deps.exec, [`link del ${link}`, `netns del ${netns}`], { force: true });
    await this.#leases.release(containerId);
    await this.#syncElements();
  }

  attached(): Promise<readonly Attachment[]> {
    return Promise.resolve(this.#leases.all().map(attachmentOf));
  }

  async teardown(): Promise<void> {
    await this.close();
    for (const { containerId } of this.#leases.all()) await this.detach(containerId);
    await ipBatch(this.#deps.exec, [`link del ${tunnel.device}`], { force: true });
    await nft(this.#deps.exec, `table ${table}\ndelete table ${table}\n`);
    await ipBatch(this.#deps.exec, [`route del ${this.#deps.vipPool} dev lo`], { force: true });
    this.#applied = undefined;
    this.#state = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelVerify();
    await this.#queue;
  }

  /** Everything from nothing, or from whatever an earlier agent left: containers stay connected meanwhile. */
  async #build(state: NetworkState): Promise<void> {
    const { exec } = this.#deps;
    this.#mtu = (await this.#uplinkMtu(state.address)) - tunnelOverhead;
    await exec(['sysctl', '-q', '-w', ...settings]);
    if (!(await this.#hasTunnel(state))) {
      await ipBatch(exec, [`link del ${tunnel.device}`], { force: true });
      await ipBatch(exec, tunnelCommands(state.subnet, state.address, this.#mtu));
    }
    await exec(['sysctl', '-q', '-w', `net.ipv4.conf.${tunnel.device}.rp_filter=0`]);
    // A way for the host's own connections to virtual addresses, until the rules turn them.
    await ipBatch(exec, [`route replace ${this.#deps.vipPool} dev lo src ${state.address}`]);
    await this.#setPeers([], state.peers);
    const elements = this.#wantedElements(state);
    await nft(exec, `${ruleset(this.#deps)}${lines(elementChanges(noElements, elements))}`);
    this.#applied = { peers: state.peers, elements };
    for (const lease of this.#leases.all()) {
      if (!(await this.#isAttached(lease)))
        this.#deps.log.warn('a container lost its link', { task: lease.containerId });
    }
  }

  async #update(state: NetworkState): Promise<void> {
    if (!this.#applied) return;
    await this.#setPeers(this.#applied.peers, state.peers);
    this.#applied = { ...this.#applied, peers: state.peers };
    await this.#setElements(this.#wantedElements(state));
  }

  async #setPeers(before: NetworkState['peers'], after: NetworkState['peers']): Promise<void> {
    const key = (peer: NetworkState['peers'][number]): string => `${peer.subnet} ${peer.address}`;
    const [old, wanted] = [new Set(before.map(key)), new Set(after.map(key))];
    const gone = before.filter((peer) => !wanted.has(key(peer))).map(removePeerCommands);
    const fresh = after.filter((peer) => !old.has(key(peer))).map(peerCommands);
    const { exec } = this.#deps;
    await bridgeBatch(
      exec,
      gone.flatMap(({ bridge }) => bridge),
      true,
    );
    await ipBatch(
      exec,
      gone.flatMap(({ ip }) => ip),
      { force: true },
    );
    await bridgeBatch(
      exec,
      fresh.flatMap(({ bridge }) => bridge),
    );
    await ipBatch(
      exec,
      fresh.flatMap(({ ip }) => ip),
    );
  }

  #wantedElements(state: NetworkState): Elements {
    return elementsOf(state.endpoints, this.#leases.all().map(attachmentOf), seedOf(state.subnet));
  }

  #syncElements(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state && this.#applied) await this.#setElements(this.#wantedElements(this.#state));
    });
  }

  async #setElements(elements: Elements): Promise<void> {
    if (!this.#applied) return;
    const changes = elementChanges(this.#applied.elements, elements);
    if (changes.length === 0) return;
    try {
      await nft(this.#deps.exec, lines(changes));
      this.#applied = { ...this.#applied, elements };
    } catch (error) {
      // The table is not what we thought: somebody else changed it. Build it anew, in one transaction.
      this.#deps.log.warn('the rules were changed by others, building them anew', { error: String(error) });
      await nft(this.#deps.exec, `${ruleset(this.#deps)}${lines(elementChanges(noElements, elements))}`);
      this.#applied = { ...this.#applied, elements };
    }
  }

  async #plug(lease: Lease): Promise<void> {
    const { exec } = this.#deps;
    const { netns, link } = namesOf(lease.containerId);
    try {
      await ipBatch(exec, attachCommands(lease.containerId, lease.address, this.#mtu));
    } catch (error) {
      // Half made by an agent that died: away with it, and once more.
      this.#deps.log.debug('making a link anew', { task: lease.containerId, error: String(error) });
      await ipBatch(exec, [`link del ${link}`, `netns del ${netns}`], { force: true });
      await ipBatch(exec, attachCommands(lease.containerId, lease.address, this.#mtu));
    }
    await ipBatch(exec, insideCommands(lease.address), { netns });
  }

  async #isAttached({ containerId, address }: Lease): Promise<boolean> {
    const { netns, link } = namesOf(containerId);
    const [route, inside] = await Promise.all([
      this.#deps.exec(['ip', 'route', 'show', `${address}/32`]),
      this.#deps.exec(['ip', '-netns', netns, 'route', 'show', 'default']),
    ]);
    return route.stdout.includes(`dev ${link}`) && inside.stdout.includes('dev eth0');
  }

  async #hasTunnel(state: NetworkState): Promise<boolean> {
    const { stdout } = await this.#deps.exec(['ip', '-d', '-o', 'link', 'show', tunnel.device]);
    if (!stdout.includes(` local ${state.address} `) || !stdout.includes('UP')) return false;
    const address = await this.#deps.exec(['ip', '-o', '-4', 'addr', 'show', 'dev', tunnel.device]);
    return address.stdout.includes(` ${tunnelAddress(state.subnet)}/32 `);
  }

  async #uplinkMtu(address: string): Promise<number> {
    const { stdout } = await this.#deps.exec(['ip', '-o', 'addr', 'show', 'to', `${address}/32`]);
    const device = /^\d+: (\S+)/.exec(stdout)?.[1];
    const link =
      device === undefined ? '' : (await this.#deps.exec(['ip', '-o', 'link', 'show', device])).stdout;
    return Number(/ mtu (\d+) /.exec(link)?.[1] ?? 1_500);
  }

  #scheduleVerify(): void {
    this.#cancelVerify();
    if (this.#closed) return;
    this.#cancelVerify = this.#deps.clock.after(verifyMs, () => {
      this.#inTurn(() => this.#verify()).catch((error: unknown) => {
        this.#deps.log.error('the network could not be repaired', { error: String(error) });
      });
    });
  }

  /** The kernel tells of deleted links and flushed tables only to who listens on netlink; a look is cheap. */
  async #verify(): Promise<void> {
    const { exec, log } = this.#deps;
    const state = this.#state;
    if (!state || this.#closed) return;
    try {
      const [tables, routes] = await Promise.all([
        exec(['nft', 'list', 'tables']),
        exec(['ip', 'route', 'show', 'dev', tunnel.device]),
      ]);
      const peersThere = state.peers.every(({ subnet }) => routes.stdout.includes(`${subnet} via`));
      if (tables.stdout.includes(`table ${table}`) && peersThere && (await this.#hasTunnel(state))) return;
      log.warn('rules, routes or the tunnel were removed by others, repairing');
      await this.#build(state);
    } finally {
      this.#scheduleVerify();
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/** Packets of others are passed on; a strict reverse-path check would drop routed containers' answers. */
const settings = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
];

function attachmentOf({ containerId, address, hostPorts }: Lease): Attachment {
  return { containerId, address, netns: `/run/netns/${namesOf(containerId).netns}`, hostPorts };
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
