import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import type { Clock } from '@gantry/kit/clock';
import type { Pools } from '@gantry/model/addresses';
import type { NetworkState } from '../network.ts';
import { namesOf, tunnelOverhead, underlayOverhead, underlayPrefix } from '../plan/address-plan.ts';
import { containerFact, hostFacts, staleFacts, type Fact } from '../plan/facts.ts';
import type { Local } from '../plan/locals.ts';
import { underlayLink } from '../plan/wireguard.ts';
import type { TunnelKeys } from '../tunnel-keys.ts';
import { HostLinks } from './host-links.ts';
import { KernelTable } from './kernel-table.ts';
import type { Nft } from './nft.ts';
import type { Settings } from './settings.ts';
import { Underlay, type UnderlayWay } from './underlay.ts';
import { UnderlayLinks } from './underlay-links.ts';

export interface KernelHostDeps {
  readonly exec: Exec;
  readonly nft: Nft;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly guarded: readonly string[];
  readonly keys: TunnelKeys;
  /** For configurations of the encrypted links. */
  readonly underlayDir: string;
}

/** A host with its subnet and address: settings, tunnel, routes and rules of the kernel. */
export class KernelHost {
  readonly #deps: KernelHostDeps;
  readonly #subnet: string;
  readonly #pools: Pools;
  readonly #address: string;
  readonly #links: HostLinks;
  readonly #table: KernelTable;
  readonly #underlays: UnderlayLinks;
  readonly #encrypted: boolean;
  #underlay: Underlay | undefined;
  /** How packets reach other hosts in an encrypted cluster; undefined: not at all, for the reason in `problem`. */
  #way: UnderlayWay | undefined;
  /** What is wrong with the encrypted way, in words. */
  #underlayProblem: string | undefined;
  #marksRoute = true;
  #mtu = 1_450;
  /** Links that were up at the last look. */
  linksUp: ReadonlySet<string> = new Set();

  constructor(
    deps: KernelHostDeps,
    { subnet, pools, address, encryption }: Pick<NetworkState, 'subnet' | 'pools' | 'address' | 'encryption'>,
  ) {
    this.#deps = deps;
    this.#subnet = subnet;
    this.#pools = pools;
    this.#address = address;
    this.#links = new HostLinks(deps.exec, deps.settings, deps.log);
    const { guarded } = deps;
    this.#table = new KernelTable(deps.nft, deps.exec, deps.log, {
      ...pools,
      subnet,
      guarded,
      encrypted: isEncrypted(encryption),
    });
    this.#encrypted = isEncrypted(encryption);
    this.#underlays = new UnderlayLinks({ ...deps, dir: deps.underlayDir });
  }

  /** What of this host's network does not work, in words. */
  get problem(): string | undefined {
    const problems = [this.#marksRoute ? undefined : noMarks, this.#underlayProblem];
    return problems.filter((one) => one !== undefined).join('; ') || undefined;
  }

  /** Other hosts must give clients their own address: this one cannot lead answers back to them. */
  get sourceNat(): boolean {
    return !this.#marksRoute;
  }

  /** What packets to containers may be long, bytes. */
  get mtu(): number {
    return this.#mtu;
  }

  /** What must be there before links are looked at. */
  async prepare(state: NetworkState): Promise<void> {
    const overhead = tunnelOverhead + (this.#encrypted ? underlayOverhead : 0);
    this.#mtu = (await this.#uplinkMtu()) - overhead;
    await this.#deps.settings(hostSettings);
    this.#marksRoute = await this.#canRouteByMark();
    if (this.#encrypted) await this.#beginEncryption();
    await this.#ensureTunnel(state);
    if (!this.#encrypted)
      for (const key of this.#deps.keys.all) await this.#underlays.dismiss(underlayLink(key));
  }

  /** Makes everything, and takes away what an earlier life left too much. */
  async build(state: NetworkState, locals: readonly Local[]): Promise<void> {
    const wanted = this.#facts(state);
    const seen = await this.#links.observe();
    await this.#links.dropStale(staleFacts(seen.keys, wanted));
    await this.#links.repair(wanted, containerFacts(locals), seen);
    await this.#table.rebuild({ ...state, locals });
  }

  async update(state: NetworkState, locals: readonly Local[]): Promise<void> {
    if (this.#underlay?.changesKeys(state.peers)) await this.#ensureTunnel(state);
    else if (this.#underlay && this.#way) await this.#findWay(this.#underlay, state, false);
    // First who may be heard, then who is spoken to: an answer must not be dropped.
    await this.#table.apply({ ...state, locals });
    await this.#links.apply(this.#facts(state));
  }

  /** Resolves once no UDP flow goes on to what has left. */
  forgotten(): Promise<void> {
    return this.#table.forgotten();
  }

  /** Makes again what is missing; answers with what it was. */
  async repair(state: NetworkState, locals: readonly Local[]): Promise<string[]> {
    const missing = (await this.#ensureTunnel(state)) ? ['the tunnel'] : [];
    const faults = await this.#table.faults();
    if (faults.length > 0) await this.#table.rebuild({ ...state, locals });
    await this.#links.apply(this.#facts(state));
    const seen = await this.#links.observe();
    this.linksUp = seen.linksUp;
    // The route to a container whose link is gone comes back with the link.
    const up = locals.filter(({ attachment }) => seen.linksUp.has(namesOf(attachment.containerId).link));
    missing.push(...(await this.#links.repair(this.#facts(state), containerFacts(up), seen)));
    return [...missing, ...faults];
  }

  stands(): Promise<boolean> {
    return this.#table.stands();
  }

  async remove(): Promise<void> {
    await this.#links.forget();
    await this.#links.removeTunnel();
    await this.#underlay?.remove();
    await this.#table.remove();
  }

  #facts(state: NetworkState): readonly Fact[] {
    const plain = state.peers.map((peer) => ({ peer, outer: peer.address }));
    return hostFacts({
      ...this.#pools,
      subnet: this.#subnet,
      address: this.#address,
      peers: this.#encrypted ? (this.#way?.peers ?? []) : plain,
      tunnelStands: !this.#encrypted || this.#way !== undefined,
      ...(this.#way && { underlay: this.#way }),
      marksRoute: this.#marksRoute,
    });
  }

  /** From here on nothing leaves in plain: a tunnel that could send so goes before anything else is made. */
  async #beginEncryption(): Promise<void> {
    const lower = await this.#links.tunnelLower();
    const encrypted = lower?.startsWith(underlayPrefix) ?? false;
    if (!encrypted) await this.#links.removeTunnel();
    const { keys, clock, log } = this.#deps;
    const deps = { keys, clock, log, links: this.#underlays, subnet: this.#subnet };
    this.#underlay = new Underlay(deps, encrypted ? lower : undefined);
  }

  /** True if the tunnel had to be made. Without an encrypted link there is none: packets to other hosts are dropped. */
  async #ensureTunnel(state: NetworkState): Promise<boolean> {
    const wish = { subnet: this.#subnet, mtu: this.#mtu };
    if (!this.#underlay) return this.#links.ensureTunnel({ ...wish, local: this.#address });
    const way = await this.#findWay(this.#underlay, state, true);
    if (way) return this.#links.ensureTunnel({ ...wish, local: way.local, lower: way.device });
    await this.#links.removeTunnel();
    return false;
  }

  async #findWay(
    underlay: Underlay,
    { peers, encryption }: NetworkState,
    look: boolean,
  ): Promise<UnderlayWay | undefined> {
    const wish = { peers, mtu: this.#mtu + tunnelOverhead, keyGeneration: encryption?.keyGeneration ?? 0 };
    try {
      this.#way = await underlay.sync(wish, look);
      const keyless = peers.filter(({ keys }) => !keys).map(({ name }) => name);
      this.#complain(
        keyless.length === 0
          ? undefined
          : `no key for encryption from ${keyless.join(', ')} yet: packets to them are dropped`,
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#way = undefined;
      this.#complain(`the encrypted tunnel does not work: ${why}; packets to other hosts are dropped`);
    }
    return this.#way;
  }

  #complain(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#underlayProblem)
      this.#deps.log.error('the network is not whole', { problem });
    this.#underlayProblem = problem;
  }

  /** Kernels without policy routing cannot lead answers back to the host that a client asked. Tried by making a rule. */
  async #canRouteByMark(): Promise<boolean> {
    const probe = ['pref', '4299', 'nop'];
    const { exec, log } = this.#deps;
    const { code, stderr } = await exec(['ip', '-4', 'rule', 'add', ...probe]);
    if (code === 0 || stderr.includes('File exists')) return true;
    log.warn(noMarks, { error: stderr.trim() });
    return false;
  }

  async #uplinkMtu(): Promise<number> {
    const { exec } = this.#deps;
    const { stdout } = await exec(['ip', '-o', 'addr', 'show', 'to', `${this.#address}/32`]);
    const device = /^\d+: (\S+)/.exec(stdout)?.[1];
    const link = device === undefined ? '' : (await exec(['ip', '-o', 'link', 'show', device])).stdout;
    return Number(/ mtu (\d+) /.exec(link)?.[1] ?? 1_500);
  }
}

export function isEncrypted(encryption: NetworkState['encryption']): boolean {
  return encryption?.mode === 'wireguard';
}

function containerFacts(locals: readonly Local[]): readonly Fact[] {
  return locals.map(({ attachment: { address, containerId } }) =>
    containerFact(address, namesOf(containerId).link),
  );
}

const noMarks =
  'this kernel has no policy routing (IP_MULTIPLE_TABLES): clients that ask another host for a task here are seen as that host';

/** Packets of others are passed on; a strict reverse-path check would drop routed containers' answers. */
const hostSettings = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
];
