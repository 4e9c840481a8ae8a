import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { tunnel, tunnelAddress, tunnelMac, underlayPrefix } from '../plan/address-plan.ts';
import { factChanges, type Fact } from '../plan/facts.ts';
import { moveTunnelCommands, tunnelCommands, type TunnelWish } from '../plan/links.ts';
import { linksUp, lowerLink, observedKeys, tunnelStands } from '../plan/observed.ts';
import { bridgeBatch, ipBatch } from './commands.ts';
import type { Settings } from './settings.ts';

/** What the kernel has of links and of what stands on them. */
export interface Observation {
  readonly keys: ReadonlySet<string>;
  readonly linksUp: ReadonlySet<string>;
}

/** Links, routes, rules, neighbours of one host: looked at by JSON, changed by batches. */
export class HostLinks {
  readonly #exec: Exec;
  readonly #settings: Settings;
  readonly #log: Logger;
  /** What was made, as far as we know. */
  #facts: readonly Fact[] = [];

  constructor(exec: Exec, settings: Settings, log: Logger) {
    this.#exec = exec;
    this.#settings = settings;
    this.#log = log;
  }

  /** From what we know to what should be. */
  async apply(wanted: readonly Fact[]): Promise<void> {
    const { add, remove } = factChanges(this.#facts, wanted);
    await this.#remove(remove);
    await this.#add(add);
    this.#facts = wanted;
  }

  /** Makes what is missing, whoever took it; answers with its keys. `more` stands and falls with other things. */
  async repair(
    wanted: readonly Fact[],
    more: readonly Fact[],
    seen: Observation,
  ): Promise<readonly string[]> {
    const missing = [...wanted, ...more].filter(({ key }) => !seen.keys.has(key));
    await this.#add(missing);
    this.#facts = wanted;
    return missing.map(({ key }) => key);
  }

  async dropStale(stale: readonly Fact[]): Promise<void> {
    await this.#remove(stale);
  }

  async forget(): Promise<void> {
    await this.#remove(this.#facts);
    this.#facts = [];
  }

  async observe(): Promise<Observation> {
    const say = async (...argv: readonly string[]): Promise<string> => (await this.#exec(argv)).stdout;
    const [routes, rules, neighbours, forwarding, links] = await Promise.all([
      say('ip', '-j', '-4', 'route', 'show', 'table', 'all'),
      say('ip', '-j', '-4', 'rule', 'show'),
      say('ip', '-j', 'neigh', 'show', 'dev', tunnel.device),
      say('bridge', '-j', 'fdb', 'show', 'dev', tunnel.device),
      say('ip', '-j', 'link', 'show'),
    ]);
    return { keys: observedKeys({ routes, rules, neighbours, forwarding }), linksUp: linksUp(links) };
  }

  /** Makes the tunnel unless it stands; true if it had to be made. One on an encrypted link moves to another such link. */
  async ensureTunnel(wish: TunnelWish): Promise<boolean> {
    if (await this.#hasTunnel(wish)) return false;
    const lower = await this.tunnelLower();
    if (wish.lower !== undefined && lower?.startsWith(underlayPrefix) && lower !== wish.lower) {
      await ipBatch(this.#exec, moveTunnelCommands(wish), { force: true });
      if (await this.#hasTunnel(wish)) return false;
    }
    await ipBatch(this.#exec, [`link del ${tunnel.device}`], { force: true });
    await ipBatch(this.#exec, tunnelCommands(wish));
    await this.#settings(deviceSettings(tunnel.device));
    return true;
  }

  /** The link below the tunnel; empty: whichever the routes say; undefined: there is no tunnel. */
  async tunnelLower(): Promise<string | undefined> {
    const { stdout } = await this.#exec(['ip', '-j', '-d', 'link', 'show', 'dev', tunnel.device]);
    return lowerLink(stdout);
  }

  async removeTunnel(): Promise<void> {
    await ipBatch(this.#exec, [`link del ${tunnel.device}`], { force: true });
  }

  async #hasTunnel({ subnet, local, lower, mtu }: TunnelWish): Promise<boolean> {
    const { code, stdout } = await this.#exec(['ip', '-j', '-d', 'addr', 'show', 'dev', tunnel.device]);
    if (code !== 0) return false;
    const mac = tunnelMac(subnet);
    const wanted = { local, mtu, mac, address: tunnelAddress(subnet), ...(lower !== undefined && { lower }) };
    return tunnelStands(stdout, wanted);
  }

  async #add(facts: readonly Fact[]): Promise<void> {
    await bridgeBatch(this.#exec, linesOf(facts, 'bridge', 'add'));
    await ipBatch(this.#exec, linesOf(facts, 'ip', 'add'));
  }

  async #remove(facts: readonly Fact[]): Promise<void> {
    if (facts.length > 0) this.#log.debug('removing', { facts: facts.map(({ key }) => key) });
    await bridgeBatch(this.#exec, linesOf(facts, 'bridge', 'del'), true);
    await ipBatch(this.#exec, linesOf(facts, 'ip', 'del'), { force: true });
  }
}

/** Answers take another way than questions; connections of this host to its own 127.0.0.1 may leave by our links. */
export function deviceSettings(device: string): readonly string[] {
  return [`net.ipv4.conf.${device}.rp_filter=0`, `net.ipv4.conf.${device}.route_localnet=1`];
}

function linesOf(facts: readonly Fact[], program: Fact['program'], what: 'add' | 'del'): readonly string[] {
  return facts.filter((fact) => fact.program === program).map((fact) => fact[what]);
}
