import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captured } from '../../../../../tests/support/net-lab/capture.ts';
import type { Held } from '../../../../../tests/support/net-lab/lab.ts';
import {
  app1,
  db3,
  other2,
  plain,
  processOf,
  SecretLab,
  told,
  vip,
} from '../../../../../tests/support/net-lab/secret.ts';

const secret = new SecretLab();
const { lab, hosts, client } = secret;

beforeAll(() => secret.open());
afterAll(() => secret.close());

describe('a cluster that begins to encrypt', () => {
  let held: Held & { readonly first: string };

  test('has said everything in plain until then', async () => {
    held = await lab.hold(`/run/netns/gt-${app1}`, vip, '80');
    expect(told(await secret.between(() => secret.talk())).length).toBeGreaterThan(5);
  });

  test('a host that was told sends nothing in plain, also to one that was not told yet', async () => {
    const said = await secret.between(async () => {
      await secret.encrypt('h1');
      expect(await hosts.ask(app1, hosts.address(db3), '80')).toMatch(/silence|unreachable|refused/);
      expect(await hosts.ask('outside', lab.address('h1'), '5432')).toMatch(/silence|unreachable|refused/);
    });
    expect(plain(said.filter(({ from }) => from === lab.address('h1')))).toEqual([]);
    expect(hosts.network('h1').report().encrypted).toBe(true);
  });

  test('connections go on once all are told', async () => {
    await secret.encrypt('h2', 'h3');
    await secret.heard();
    expect(await held.again()).toBe(held.first);
    await held.end();
  });
});

describe('an encrypted cluster', () => {
  test('says nothing in plain between hosts, by address, virtual address or published port', async () => {
    const said = await secret.between(() => secret.talk());
    expect(said.length).toBeGreaterThan(20);
    expect(told(said)).toEqual([]);
    expect(plain(said)).toEqual([]);
  });

  test('keeps networks closed and packets as long as they may be', async () => {
    for (const to of [vip, hosts.address(db3), hosts.address(app1)])
      expect(await hosts.ask(other2, to, '80')).toBe('refused');
    const inside = ['nsenter', `--net=/run/netns/gt-${app1}`];
    expect((await lab.exec('h1')([...inside, 'ip', '-o', 'link', 'show', 'eth0'])).stdout).toContain(
      'mtu 1370',
    );
    const ping = [...inside, 'busybox', 'ping', '-c1', '-W2', '-s', '1342', hosts.address(db3)];
    expect((await lab.exec('h1')(ping)).code).toBe(0);
  });

  test('keeps private keys to root, and out of every command line', async () => {
    const dir = join(hosts.dir('h1'), 'network', 'wireguard');
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o077).toBe(0);
    expect((await stat(dir)).mode & 0o077).toBe(0);
    expect((await stat('/var/run/wireguard')).mode & 0o077).toBe(0);
  });

  test('lets no host speak for another, by address or by MAC', async () => {
    const h2 = lab.exec('h2');
    const ping = async (from: string): Promise<number> =>
      (await h2(['busybox', 'ping', '-c1', '-W1', '-I', from, hosts.address(db3)])).code;
    await hosts.network('h2').close(); // or it would repair itself
    await h2(['nft', 'delete', 'table', 'inet', 'gantry']);
    await h2(['ip', 'addr', 'add', '10.210.1.1/32', 'dev', 'lo']); // the first host's own
    expect([await ping('10.210.2.1'), await ping('10.210.1.1')]).toEqual([0, 1]);
    await h2(['ip', 'link', 'set', 'gx', 'address', '02:67:0a:d2:01:01']);
    expect(await ping('10.210.2.1')).toBe(1);
    await h2(['ip', 'addr', 'del', '10.210.1.1/32', 'dev', 'lo']);
    await hosts.start('h2');
    await hosts.tell();
    expect(await ping('10.210.2.1')).toBe(0);
  });

  test('an agent that starts again keeps link, process and connections', async () => {
    const held = await lab.hold('outside', lab.address('h1'), '5432');
    const links = await secret.underlayLinks('h1');
    const pid = await processOf(links[0] ?? '');
    expect(pid).toBeGreaterThan(0);
    await hosts.start('h1');
    await hosts.tell();
    expect([await secret.underlayLinks('h1'), await processOf(links[0] ?? '')]).toEqual([links, pid]);
    expect(await held.again()).toBe(held.first);
    await held.end();
  });
});

describe('fails closed', () => {
  const broken: readonly (readonly [string, number, () => Promise<unknown>])[] = [
    ['wireguard-go is killed', 10, async () => process.kill(await secret.wireguardGo('h1'), 'SIGKILL')],
    // It is seen by the next look, up to 6 s away, and has 3 s to answer.
    ['wireguard-go hangs', 15, async () => process.kill(await secret.wireguardGo('h1'), 'SIGSTOP')],
    ['its link is set down', 10, async () => lab.exec('h1')(['ip', 'link', 'set', (await secret.underlayLinks('h1'))[0] ?? '', 'down'])],
    ['the ruleset is flushed', 10, () => lab.exec('h1')(['nft', 'flush', 'ruleset'])],
    ['every route is flushed', 10, () => lab.exec('h1')(['sh', '-c', `ip route flush table main; ip route add 10.208.0.0/24 dev eth0; ip route add default via ${client}`])],
    ['ruleset and routes are flushed', 10, () => lab.exec('h1')(['sh', '-c', `nft flush ruleset; ip route flush table main; ip route add 10.208.0.0/24 dev eth0; ip route add default via ${client}`])],
  ]; // prettier-ignore

  for (const [what, seconds, breaks] of broken) {
    test(`${what}: nothing is said in plain, and all is back within ${seconds} s`, async () => {
      const all = await captured(lab.netns('sw'), async () => {
        const held = await lab.hold(`/run/netns/gt-${app1}`, vip, '80');
        await breaks();
        const asked = hosts.ask(app1, hosts.address(db3), '80');
        await secret.heard(seconds * 1_000);
        await asked;
        expect(await held.again()).toBe(held.first);
        await held.end();
      });
      expect(told(all)).toEqual([]);
      expect(plain(secret.amongHosts(all))).toEqual([]);
      expect(all.filter(({ from, to }) => [from, to].some((one) => one.startsWith('10.210.')))).toEqual([]);
    });
  }

  test('a host whose key is not known yet is not spoken to, and that is said', async () => {
    const state = hosts.state('h1');
    const peers = state.peers.map(({ keys, ...peer }) =>
      peer.name === 'h3' ? peer : { ...peer, keys: keys ?? [] },
    );
    await hosts.network('h1').configure({ ...state, peers });
    expect(hosts.network('h1').report().problem).toMatch('no key for encryption from h3');
    expect(await hosts.ask(app1, hosts.address(db3), '80')).toMatch(/silence|unreachable|refused/);
    await hosts.tell();
    await secret.heard();
    expect(hosts.network('h1').report().problem).toBeUndefined();
  });
});
