import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import type { NetworkState } from '../network.ts';
import { namesOf, tunnelOverhead, type Pools } from '../plan/address-plan.ts';
import { containerFact, hostFacts, staleFacts, type Fact } from '../plan/facts.ts';
import type { Local } from '../plan/locals.ts';
import { HostLinks } from './host-links.ts';
import { KernelTable } from './kernel-table.ts';
import type { Settings } from './settings.ts';

export interface KernelHostDeps extends Pools {
  readonly exec: Exec;
  readonly settings: Settings;
  readonly log: Logger;
  readonly guarded: readonly string[];
}

/** A host with its subnet and address: settings, tunnel, routes and rules of the kernel. */
export class KernelHost {
  readonly #deps: KernelHostDeps;
  readonly #subnet: string;
  readonly #address: string;
  readonly #links: HostLinks;
  readonly #table: KernelTable;
  #marksRoute = true;
  #mtu = 1_450;
  /** Links that were up at the last look. */
  linksUp: ReadonlySet<string> = new Set();

  constructor(deps: KernelHostDeps, { subnet, address }: Pick<NetworkState, 'subnet' | 'address'>) {
    this.#deps = deps;
    this.#subnet = subnet;
    this.#address = address;
    this.#links = new HostLinks(deps.exec, deps.settings, deps.log);
    const { containerPool, vipPool, guarded } = deps;
    this.#table = new KernelTable(deps.exec, deps.log, {
      containerPool,
      vipPool,
      subnet,
      guarded,
    });
  }

  /** What packets to containers may be long, bytes. */
  get mtu(): number {
    return this.#mtu;
  }

  /** What must be there before links are looked at. */
  async prepare(): Promise<void> {
    this.#mtu = (await this.#uplinkMtu()) - tunnelOverhead;
    await this.#deps.settings(hostSettings);
    this.#marksRoute = await this.#canRouteByMark();
    await this.#ensureTunnel();
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
    await this.#links.apply(this.#facts(state));
    await this.#table.apply({ ...state, locals });
  }

  /** Makes again what is missing; answers with what it was. */
  async repair(state: NetworkState, locals: readonly Local[]): Promise<string[]> {
    const missing = (await this.#ensureTunnel()) ? ['the tunnel'] : [];
    const faults = await this.#table.faults();
    if (faults.length > 0) await this.#table.rebuild({ ...state, locals });
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
    await this.#table.remove();
  }

  #facts(state: NetworkState): readonly Fact[] {
    const { containerPool, vipPool } = this.#deps;
    return hostFacts({
      containerPool,
      vipPool,
      subnet: this.#subnet,
      address: this.#address,
      peers: state.peers,
      marksRoute: this.#marksRoute,
    });
  }

  #ensureTunnel(): Promise<boolean> {
    return this.#links.ensureTunnel({ subnet: this.#subnet, local: this.#address, mtu: this.#mtu });
  }

  /** Kernels without policy routing cannot lead answers back to the host that a client asked. */
  async #canRouteByMark(): Promise<boolean> {
    const { code, stderr } = await this.#deps.exec(['ip', '-4', 'rule', 'show']);
    if (code === 0) return true;
    this.#deps.log.warn(
      'this kernel has no policy routing: clients that ask another host for a task here get no answer; use one with IP_MULTIPLE_TABLES',
      { error: stderr.trim() },
    );
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

function containerFacts(locals: readonly Local[]): readonly Fact[] {
  return locals.map(({ attachment: { address, containerId } }) =>
    containerFact(address, namesOf(containerId).link),
  );
}

/** Packets of others are passed on; a strict reverse-path check would drop routed containers' answers. */
const hostSettings = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
];
