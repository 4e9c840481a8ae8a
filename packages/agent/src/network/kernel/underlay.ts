import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { PeerAssignment } from '@gantry/model/assignment';
import { underlayAddress } from '../plan/address-plan.ts';
import type { PeerPath, UnderlayPath } from '../plan/facts.ts';
import {
  missesNewKey,
  targetKey,
  underlayConfig,
  underlayLink,
  wantsNewKey,
  type Handshakes,
  type OwnKey,
} from '../plan/wireguard.ts';
import type { TunnelKeys } from '../tunnel-keys.ts';
import type { UnderlayLinks } from './underlay-links.ts';

export interface UnderlayDeps {
  readonly keys: TunnelKeys;
  readonly links: UnderlayLinks;
  readonly clock: Clock;
  readonly log: Logger;
  readonly subnet: string;
}

export interface UnderlayWish {
  readonly peers: readonly PeerAssignment[];
  readonly mtu: number;
  readonly keyGeneration: number;
}

/** Where packets for other hosts go. */
export interface UnderlayWay extends UnderlayPath {
  /** This host's outer address. */
  readonly local: string;
  readonly peers: readonly PeerPath[];
}

/** The old key serves so long after this host took the new one: by then every host has seen a session with it, ms. */
const oldKeyMs = 15_000;
const none: Handshakes = new Map();

/**
 * The encrypted way to the other hosts: a link for each key of this host. A new key gets a link of its own, with an outer
 * address of its own; this host sends by it once every host that it talks with has a session there, and the old one goes
 * some time later. Each host chooses by itself where it sends, so both directions change without a lost packet.
 */
export class Underlay {
  readonly #deps: UnderlayDeps;
  /** The key whose link the tunnel is on. */
  #active: OwnKey;
  #activeSince: number;
  #seen: ReadonlyMap<string, Handshakes> = new Map();

  /** `lower`: the link that a tunnel of an earlier life of the agent is on. */
  constructor(deps: UnderlayDeps, lower: string | undefined) {
    this.#deps = deps;
    this.#active = deps.keys.all.find((key) => underlayLink(key) === lower) ?? oldest(deps.keys);
    this.#activeSince = deps.clock.monotonic();
  }

  /** Makes what is missing; `look`: also with the kernel and at the sessions, which costs a few processes. */
  async sync(wish: UnderlayWish, look: boolean): Promise<UnderlayWay> {
    const { keys, clock, log } = this.#deps;
    const [newest] = keys.all;
    if (newest && keys.all.length === 1 && wantsNewKey(newest, wish.keyGeneration, clock.now())) {
      const { generation } = await keys.add();
      log.info('a new key for the encrypted tunnel', { generation });
      look = true;
    }
    if (look) for (const key of keys.all) await this.#ensure(key, wish.mtu);
    for (const key of keys.all)
      await this.#deps.links.configure(underlayLink(key), underlayConfig(key, wish.peers));
    if (look) await this.#look(wish.peers);
    return this.#way(wish.peers);
  }

  /** True while a key takes over from another, here or at a peer: then each look may be the one to go on. */
  changesKeys(peers: readonly PeerAssignment[]): boolean {
    return this.#deps.keys.all.length > 1 || peers.some(({ keys = [] }) => keys.length > 1);
  }

  async remove(): Promise<void> {
    for (const key of this.#deps.keys.all) await this.#deps.links.remove(underlayLink(key));
  }

  async #ensure(key: OwnKey, mtu: number): Promise<void> {
    const address = underlayAddress(this.#deps.subnet, key.generation);
    await this.#deps.links.ensure(underlayLink(key), { address, mtu });
  }

  async #look(peers: readonly PeerAssignment[]): Promise<void> {
    const { keys, links, clock, log } = this.#deps;
    const seen = new Map<string, Handshakes>();
    for (const { publicKey, ...key } of keys.all)
      seen.set(publicKey, await links.handshakes(underlayLink({ publicKey, ...key })));
    this.#seen = seen;
    const [fresh, old] = keys.all;
    if (!fresh || !old) return;
    if (this.#active === old) {
      const [before, after] = [old, fresh].map(({ publicKey }) => seen.get(publicKey) ?? none);
      const waits = peers.filter((peer) => missesNewKey(peer, before ?? none, after ?? none, clock.now()));
      if (waits.length > 0)
        return log.debug('hosts have no session with the new key yet', {
          hosts: waits.map(({ name }) => name),
        });
      this.#active = fresh;
      this.#activeSince = clock.monotonic();
    } else if (clock.monotonic() - this.#activeSince > oldKeyMs) {
      await keys.drop(old);
      await links.remove(underlayLink(old));
      log.info('the old key of the encrypted tunnel is gone', { generation: old.generation });
    }
  }

  #way(peers: readonly PeerAssignment[]): UnderlayWay {
    const seen = this.#seen.get(this.#active.publicKey) ?? none;
    const now = this.#deps.clock.now();
    return {
      device: underlayLink(this.#active),
      local: underlayAddress(this.#deps.subnet, this.#active.generation),
      addresses: peers.flatMap(({ subnet, keys }) =>
        (keys ?? []).map(({ generation }) => underlayAddress(subnet, generation)),
      ),
      peers: peers.flatMap((peer) => {
        const key = targetKey(peer, seen, now);
        return key ? [{ peer, outer: underlayAddress(peer.subnet, key.generation) }] : [];
      }),
    };
  }
}

function oldest(keys: TunnelKeys): OwnKey {
  const key = keys.all.at(-1);
  if (!key) throw new Error('keys are opened before they are used');
  return key;
}
