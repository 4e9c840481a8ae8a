import type { PeerAssignment } from '@gantry/model/assignment';
import type { TunnelKey } from '@gantry/model/node';
import { underlayAddress, underlayPrefix } from './address-plan.ts';

/** A key of this host, with the half that never leaves it. */
export interface OwnKey extends TunnelKey {
  readonly privateKey: string;
  /** ms since the epoch. */
  readonly createdAt: number;
}

/** A key is replaced at this age, ms. */
export const keyLifeMs = 7 * 86_400_000;
/** A session without a handshake for so long is dead (WireGuard's REJECT_AFTER_TIME), ms. */
const sessionMs = 180_000;
/** Hosts say something at least so often, s: the first word makes the handshake, before there is traffic to lose. */
const keepaliveSeconds = 25;
const firstPort = 51_820;

/** The link of a key; named after it, so that no two hosts of one machine share a socket, whatever their namespaces. */
export function underlayLink({ publicKey }: TunnelKey): string {
  return `${underlayPrefix}${publicKey.slice(0, 10).replace(/[^A-Za-z0-9]/g, '0')}`;
}

/** Where a key of this generation is listened for: two ports in turn. */
export function underlayPort({ generation }: TunnelKey): number {
  return firstPort + ((generation + 1) % 2);
}

/**
 * The configuration of one link, as `wg syncconf` reads it. Each key of a peer may send from its own outer address only:
 * whose packet it is follows from the key that opened it.
 */
export function underlayConfig(own: OwnKey, peers: readonly PeerAssignment[]): string {
  const sections = peers.flatMap((peer) =>
    (peer.keys ?? []).map((key) =>
      [
        '[Peer]',
        `PublicKey = ${key.publicKey}`,
        `AllowedIPs = ${underlayAddress(peer.subnet, key.generation)}/32`,
        `Endpoint = ${peer.address}:${underlayPort(key)}`,
        `PersistentKeepalive = ${keepaliveSeconds}`,
      ].join('\n'),
    ),
  );
  const self = ['[Interface]', `PrivateKey = ${own.privateKey}`, `ListenPort = ${underlayPort(own)}`].join(
    '\n',
  );
  return `${[self, ...sections].join('\n\n')}\n`;
}

/** When each public key last made a handshake with one of our links, ms since the epoch; from `wg show L latest-handshakes`. */
export type Handshakes = ReadonlyMap<string, number>;

export function readHandshakes(said: string): Handshakes {
  const rows = said.split('\n').map((line) => line.split('\t'));
  return new Map(rows.flatMap(([key = '', at]) => (Number(at) > 0 ? [[key, Number(at) * 1_000]] : [])));
}

/** The key of a peer that packets are sent to: its newest with a session, else its oldest, which most likely is there. */
export function targetKey(peer: PeerAssignment, seen: Handshakes, now: number): TunnelKey | undefined {
  const keys = peer.keys ?? [];
  return keys.find(({ publicKey }) => isLive(seen.get(publicKey), now)) ?? keys.at(-1);
}

/** True if a host that has a session with our old key has none with the new one yet. */
export function missesNewKey(peer: PeerAssignment, old: Handshakes, fresh: Handshakes, now: number): boolean {
  const has = (seen: Handshakes): boolean =>
    (peer.keys ?? []).some(({ publicKey }) => isLive(seen.get(publicKey), now));
  return has(old) && !has(fresh);
}

/** True if the newest key is too old, or older than the one that the cluster asks for. */
export function wantsNewKey(newest: OwnKey, wantedGeneration: number, now: number): boolean {
  return newest.generation < wantedGeneration || now - newest.createdAt > keyLifeMs;
}

function isLive(at: number | undefined, now: number): boolean {
  return at !== undefined && now - at < sessionMs;
}
