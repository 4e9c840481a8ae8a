import { describe, expect, test } from 'vitest';
import { aPeer, subnet } from '../../../../../tests/support/networks.ts';
import { containerAddresses, tunnelAddress, underlayAddress } from './address-plan.ts';
import { hostFacts, factChanges, type HostFacts } from './facts.ts';
import {
  keyLifeMs,
  missesNewKey,
  readHandshakes,
  targetKey,
  underlayConfig,
  underlayLink,
  underlayPort,
  wantsNewKey,
  type OwnKey,
} from './wireguard.ts';

const now = 1_000_000_000;
const publicKey = (letter: string): string => `${letter.repeat(43)}=`;
const own = (generation: number, createdAt = now): OwnKey => ({
  generation,
  publicKey: publicKey('a'),
  privateKey: publicKey('s'),
  createdAt,
});
const [older, newer] = [
  { generation: 1, publicKey: publicKey('b') },
  { generation: 2, publicKey: publicKey('c') },
];
const peer = { ...aPeer(2, '10.208.0.12'), keys: [newer, older] };

describe('addresses, ports and names of keys', () => {
  test('two keys of a host share nothing, and nothing with its containers', () => {
    const addresses = [1, 2, 3].map((generation) => underlayAddress(subnet, generation));
    expect(addresses).toEqual(['10.210.1.254', '10.210.1.255', '10.210.1.254']);
    for (const address of addresses) expect(containerAddresses(subnet)).not.toContain(address);
    expect(addresses).not.toContain(tunnelAddress(subnet));
    expect([1, 2, 3].map((generation) => underlayPort(own(generation)))).toEqual([51_820, 51_821, 51_820]);
  });

  test('a link is named after its key, in letters and digits that fit a link', () => {
    expect(underlayLink({ generation: 1, publicKey: 'ab+/cdefghij' })).toBe('gwab00cdefgh');
  });
});

describe('the configuration of a link', () => {
  test('lets each key of a peer send from its one outer address', () => {
    expect(underlayConfig(own(1), [peer]).split('\n')).toEqual([
      '[Interface]',
      `PrivateKey = ${publicKey('s')}`,
      'ListenPort = 51820',
      '',
      '[Peer]',
      `PublicKey = ${newer.publicKey}`,
      'AllowedIPs = 10.210.2.255/32',
      'Endpoint = 10.208.0.12:51821',
      'PersistentKeepalive = 25',
      '',
      '[Peer]',
      `PublicKey = ${older.publicKey}`,
      'AllowedIPs = 10.210.2.254/32',
      'Endpoint = 10.208.0.12:51820',
      'PersistentKeepalive = 25',
      '',
    ]);
  });

  test('has nobody in it who told no key', () => {
    expect(underlayConfig(own(1), [aPeer(2, '10.208.0.12')])).not.toContain('[Peer]');
  });
});

describe('which key is spoken to', () => {
  const seen = (...keys: readonly { publicKey: string }[]): ReadonlyMap<string, number> =>
    new Map(keys.map((key) => [key.publicKey, now - 1_000]));

  test('the newest with a session, else the oldest, else nobody', () => {
    expect(targetKey(peer, seen(newer, older), now)).toBe(newer);
    expect(targetKey(peer, seen(older), now)).toBe(older);
    expect(targetKey(peer, seen(), now)).toBe(older);
    expect(targetKey(peer, new Map([[newer.publicKey, now - 181_000]]), now)).toBe(older);
    expect(targetKey(aPeer(2, ''), seen(), now)).toBeUndefined();
  });

  test('a new key of ours waits for hosts that have a session with the old one, and for no others', () => {
    expect(missesNewKey(peer, seen(older), seen(), now)).toBe(true);
    expect(missesNewKey(peer, seen(older), seen(newer), now)).toBe(false);
    expect(missesNewKey(peer, seen(), seen(), now)).toBe(false);
  });

  test('a key is replaced when it is old, or when a newer one is asked for', () => {
    expect(wantsNewKey(own(1), 0, now)).toBe(false);
    expect(wantsNewKey(own(1), 2, now)).toBe(true);
    expect(wantsNewKey(own(1, now - keyLifeMs - 1), 1, now)).toBe(true);
  });

  test('handshakes are read as wg tells them; 0 is none', () => {
    expect(readHandshakes(`${newer.publicKey}\t1795647658\n${older.publicKey}\t0\n`)).toEqual(
      new Map([[newer.publicKey, 1_795_647_658_000]]),
    );
  });
});

describe('facts of an encrypted host', () => {
  const facts = (outer: string, more: Partial<HostFacts> = {}) =>
    hostFacts({
      containerPool: '10.210.0.0/16',
      vipPool: '10.211.0.0/16',
      subnet,
      address: '10.208.0.11',
      peers: [{ peer, outer }],
      tunnelStands: true,
      underlay: { device: 'gwkey', addresses: ['10.210.2.254', '10.210.2.255'] },
      marksRoute: true,
      ...more,
    });

  test('a peer is sent to by the encrypted link or not at all; no default route is a way to containers', () => {
    const lines = facts('10.210.2.254').map(({ add }) => add);
    expect(lines).toContain('fdb replace 02:67:0a:d2:02:01 dev gx dst 10.210.2.254 via gwkey');
    expect(lines).toContain('rule add pref 4300 to 10.210.0.0/16 lookup main suppress_prefixlength 16');
    expect(lines).toContain('rule add pref 4301 to 10.210.0.0/16 unreachable');
  });

  test('another key of a peer takes the place of the old one without a moment between', () => {
    const { add, remove } = factChanges(facts('10.210.2.254'), facts('10.210.2.255'));
    expect(add.map((fact) => fact.add)).toEqual([
      'fdb replace 02:67:0a:d2:02:01 dev gx dst 10.210.2.255 via gwkey',
    ]);
    expect(remove).toEqual([]);
  });

  test('without a tunnel nothing leads to another host', () => {
    const lines = facts('', { tunnelStands: false }).map(({ add }) => add);
    expect(lines.filter((line) => line.includes('dev gx'))).toEqual([]);
    expect(lines).toContain('route replace unreachable 10.210.0.0/16 metric 4210');
  });
});
