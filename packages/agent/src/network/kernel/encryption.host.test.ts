import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PortSpec } from '@gantry/model/service';
import { captured, type Packet } from '../../../../../tests/support/net-lab/capture.ts';
import { LabHosts } from '../../../../../tests/support/net-lab/hosts.ts';
import { Lab, type Held } from '../../../../../tests/support/net-lab/lab.ts';
import { aNetworking, anEndpoint, aTask } from '../../../../../tests/support/networks.ts';
import { waitFor } from '../../../../../packages/cli/src/local/wait.ts';

const lab = new Lab(3);
const hosts = new LabHosts(lab);
const [app1, other2, db3] = ['app100000001', 'other2000002', 'db3000000003'] as const;
const vip = '10.211.0.2';
const client = lab.address('outside');
const addresses = lab.hosts.map((host) => lab.address(host));
const published: PortSpec = { target: 80, published: 5432, protocol: 'tcp', mode: 'ingress' };

beforeAll(async () => {
  await lab.open();
  await hosts.open();
  await hosts.run([
    { host: 'h1', ...aTask(app1, ['back']) },
    { host: 'h2', ...aTask(other2, ['side']) },
    { host: 'h3', ...aTask(db3, ['back']) },
  ]);
  const backends = [{ taskId: db3, address: hosts.address(db3) }];
  await hosts.tell([
    anEndpoint('db', vip, backends, { ports: [published], networking: aNetworking(['back']) }),
    anEndpoint('app', '10.211.0.3', [{ taskId: app1, address: hosts.address(app1) }], {
      networking: aNetworking(['back']),
    }),
  ]);
});

afterAll(async () => {
  await hosts.close();
  await lab.close();
});

async function encrypt(...which: readonly string[]): Promise<void> {
  for (const host of which) hosts.encryption.set(host, { mode: 'wireguard', keyGeneration: 0 });
  await hosts.tell();
}

/** What two hosts say to each other. */
async function between(work: () => Promise<void>): Promise<readonly Packet[]> {
  const packets = await captured(lab.netns('sw'), work);
  return packets.filter(({ from, to }) => addresses.includes(from) && addresses.includes(to));
}

/** What the test's containers say, in plain. */
function told(packets: readonly Packet[]): readonly Packet[] {
  return packets.filter(({ bytes }) => [app1, db3, 'hello'].some((word) => bytes.includes(word)));
}

/** Packets between hosts that are not WireGuard's. */
function plain(packets: readonly Packet[]): readonly string[] {
  const others = packets.filter(({ protocol, port }) => protocol !== 17 || ![51_820, 51_821].includes(port));
  return [...new Set(others.map(({ from, to, protocol, port }) => `${from} → ${to}, ${protocol} ${port}`))];
}

/** By address, virtual address and published port, in both directions. */
async function talk(): Promise<void> {
  expect(await hosts.ask(app1, hosts.address(db3), '80')).toMatch(`${db3} ${hosts.address(app1)} `);
  expect(await hosts.ask(app1, vip, '80')).toMatch(`${db3} ${hosts.address(app1)} `);
  expect(await hosts.ask(app1, '--udp', vip, '80')).toMatch(`${db3} ${hosts.address(app1)} `);
  expect(await hosts.ask(db3, hosts.address(app1), '80')).toMatch(app1);
  expect(await hosts.ask('outside', lab.address('h1'), '5432')).toMatch(`${db3} ${client} `);
}

async function underlayLinks(host: string): Promise<readonly string[]> {
  const { stdout } = await lab.exec(host)(['ip', '-o', 'link', 'show']);
  return [...stdout.matchAll(/^\d+: (gw\w+):/gm)].map(([, name = '']) => name);
}

async function processOf(link: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (argv[0]?.endsWith('wireguard-go') && argv[1] === link) return Number(pid);
  }
  return 0;
}

/** Waits until containers on two hosts hear each other. */
function heard(): Promise<unknown> {
  const ask = (): Promise<string> => hosts.ask(app1, hosts.address(db3), '80');
  return waitFor('an answer', async () => ((await ask()).startsWith(db3) ? true : undefined), 10_000, 50);
}

describe('a cluster that begins to encrypt', () => {
  let held: Held & { readonly first: string };

  test('has said everything in plain until then', async () => {
    held = await lab.hold(`/run/netns/gt-${app1}`, vip, '80');
    expect(told(await between(talk)).length).toBeGreaterThan(5);
  });

  test('a host that was told sends nothing in plain, also to one that was not told yet', async () => {
    const said = await between(async () => {
      await encrypt('h1');
      expect(await hosts.ask(app1, hosts.address(db3), '80')).toMatch(/silence|unreachable|refused/);
      expect(await hosts.ask('outside', lab.address('h1'), '5432')).toMatch(/silence|unreachable|refused/);
    });
    expect(plain(said.filter(({ from }) => from === lab.address('h1')))).toEqual([]);
    expect(hosts.network('h1').report().encrypted).toBe(true);
  });

  test('connections go on once all are told', async () => {
    await encrypt('h2', 'h3');
    await heard();
    expect(await held.again()).toBe(held.first);
    await held.end();
  });
});

describe('an encrypted cluster', () => {
  test('says nothing in plain between hosts, by address, virtual address or published port', async () => {
    const said = await between(talk);
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
    const links = await underlayLinks('h1');
    const pid = await processOf(links[0] ?? '');
    expect(pid).toBeGreaterThan(0);
    await hosts.start('h1');
    await hosts.tell();
    expect([await underlayLinks('h1'), await processOf(links[0] ?? '')]).toEqual([links, pid]);
    expect(await held.again()).toBe(held.first);
    await held.end();
  });
});

describe('fails closed', () => {
  const broken: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['wireguard-go is killed', async () => process.kill(await processOf((await underlayLinks('h1'))[0] ?? ''), 'SIGKILL')],
    ['its link is set down', async () => lab.exec('h1')(['ip', 'link', 'set', (await underlayLinks('h1'))[0] ?? '', 'down'])],
    ['the ruleset is flushed', () => lab.exec('h1')(['nft', 'flush', 'ruleset'])],
    ['every route is flushed', () => lab.exec('h1')(['sh', '-c', `ip route flush table main; ip route add 10.208.0.0/24 dev eth0; ip route add default via ${client}`])],
    ['ruleset and routes are flushed', () => lab.exec('h1')(['sh', '-c', `nft flush ruleset; ip route flush table main; ip route add 10.208.0.0/24 dev eth0; ip route add default via ${client}`])],
  ]; // prettier-ignore

  for (const [what, breaks] of broken) {
    test(`${what}: nothing is said in plain, and all is back within 10 s`, async () => {
      const all = await captured(lab.netns('sw'), async () => {
        const held = await lab.hold(`/run/netns/gt-${app1}`, vip, '80');
        await breaks();
        const asked = hosts.ask(app1, hosts.address(db3), '80');
        await heard();
        await asked;
        expect(await held.again()).toBe(held.first);
        await held.end();
      });
      expect(told(all)).toEqual([]);
      expect(plain(all.filter(({ from, to }) => addresses.includes(from) && addresses.includes(to)))).toEqual(
        [],
      );
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
    await heard();
    expect(hosts.network('h1').report().problem).toBeUndefined();
  });
});

test('a new key takes over without a lost answer, and the old one goes', async () => {
  const before = hosts.network('h3').report().keys;
  const conversations = [
    await lab.hold(`/run/netns/gt-${app1}`, vip, '80'),
    await lab.hold('outside', lab.address('h1'), '5432'),
  ];
  hosts.encryption.set('h3', { mode: 'wireguard', keyGeneration: 2 });
  const said = new Set<string>();
  const talking = async (): Promise<void> => {
    for (const held of conversations) said.add(await held.again());
  };
  const keys = (): readonly number[] =>
    hosts
      .network('h3')
      .report()
      .keys.map(({ generation }) => generation);
  const told = async (until: () => boolean | Promise<boolean>): Promise<unknown> =>
    waitFor(
      'the next key',
      async () => {
        await hosts.tell();
        await talking();
        return (await until()) ? true : undefined;
      },
      20_000,
      50,
    );
  await told(() => keys().includes(2));
  const onNew = async (): Promise<boolean> =>
    (await lab.exec('h3')(['ip', '-d', 'link', 'show', 'gx'])).stdout.includes('local 10.210.3.255');
  await told(onNew);
  const sends = async (): Promise<boolean> =>
    (await lab.exec('h1')(['bridge', 'fdb', 'show', 'dev', 'gx'])).stdout.includes('dst 10.210.3.255');
  await told(sends);
  hosts.later(16_000);
  await told(() => keys().length === 1);
  await talking();
  expect(said).toEqual(new Set(conversations.map(({ first }) => first)));
  expect(hosts.network('h3').report().keys[0]?.publicKey).not.toBe(before[0]?.publicKey);
  expect(await underlayLinks('h3')).toHaveLength(1);
  await Promise.all(conversations.map((held) => held.end()));
  await talk();
});

test('a cluster that ends to encrypt leaves no link and no process', async () => {
  const links = await Promise.all(lab.hosts.map(underlayLinks));
  for (const host of lab.hosts) hosts.encryption.set(host, { mode: 'none', keyGeneration: 0 });
  await hosts.tell();
  await talk();
  expect((await Promise.all(lab.hosts.map(underlayLinks))).flat()).toEqual([]);
  expect(await Promise.all(links.flat().map(processOf))).toEqual(links.flat().map(() => 0));
});
