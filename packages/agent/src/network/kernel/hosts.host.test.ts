import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  app1,
  db3,
  other2,
  ShopLab,
  vip,
  web1,
  web2,
  web3,
} from '../../../../../tests/support/net-lab/shop.ts';
import type { Exec } from '@gantry/kit/exec';
import { Leads } from '../plan/leads.ts';
import { forgetFlows } from './flows.ts';
import { aPort } from '../../../../../tests/support/network-inputs.ts';
import { aNetworking, anEndpoint, aTask, pools } from '../../../../../tests/support/networks.ts';

const shop = new ShopLab();
const { lab, hosts, client } = shop;

beforeAll(() => shop.open());
afterAll(() => shop.close());

describe('a client outside', () => {
  test('is seen with its own address by a task on another host than the one it asked, over TCP and UDP', async () => {
    for (const host of ['h1', 'h2', 'h3']) {
      expect(await hosts.ask('outside', lab.address(host), '5432')).toMatch(`${db3} ${client} `);
      expect(await hosts.ask('outside', '--udp', lab.address(host), '5353')).toMatch(`${db3} ${client} `);
    }
  });

  test('may use one source port for two hosts whose task is the same', async () => {
    const one = await lab.hold('outside', '--from', '4444', lab.address('h1'), '5432');
    const two = await lab.hold('outside', '--from', '4444', lab.address('h2'), '5432');
    expect([one.first, two.first].map((said) => said.split(' ').slice(0, 2))).toEqual([
      [db3, client],
      [db3, client],
    ]);
    expect(await one.again()).toBe(one.first);
    expect(await two.again()).toBe(two.first);
    expect(one.first).not.toBe(two.first);
    await Promise.all([one.end(), two.end()]);
  });

  test('finds behind each port of a range its own port of the container, on every host, over TCP and UDP', async () => {
    const netns = hosts.attachments.get(web2)?.netns ?? '';
    const offsets = [0, 1, 2];
    const stop = await Promise.all(offsets.map((at) => lab.serve(netns, `at${81 + at}`, 81 + at)));
    const ports = offsets.flatMap((at) =>
      (['tcp', 'udp'] as const).map((protocol) => aPort(8_000 + at, { target: 81 + at, protocol })),
    );
    await hosts.tell([...shop.services(), anEndpoint('range', vip.one, shop.backends(web2), { ports })]);
    for (const at of offsets) {
      const words = [lab.address('h1'), String(8_000 + at)];
      expect(await hosts.ask('outside', ...words)).toMatch(`at${81 + at} ${client} `);
      expect(await hosts.ask('outside', '--udp', ...words)).toMatch(`at${81 + at} ${client} `);
    }
    expect(await hosts.ask('outside', lab.address('h1'), '8003')).toBe('refused');
    await hosts.tell(shop.services());
    await Promise.all(stop.map((end) => end()));
  });

  test('cannot reach a container by its address, however it routes', async () => {
    await lab.exec('outside')(['ip', 'route', 'add', '10.210.0.0/16', 'via', lab.address('h1')]);
    try {
      expect(await hosts.ask('outside', hosts.address(web1), '80')).toBe('silence');
    } finally {
      await lab.exec('outside')(['ip', 'route', 'del', '10.210.0.0/16']);
    }
  });
});

describe('between hosts', () => {
  test('a virtual address leads to each task in its turn, and the address of who asks stays', async () => {
    const said = (await hosts.ask(app1, '--times', '40', vip.web, '80')).split('\n');
    expect(new Set(said.map((line) => line.split(' ')[0]))).toEqual(new Set([web1, web2, web3]));
    expect(new Set(said.map((line) => line.split(' ')[1]))).toEqual(new Set([hosts.address(app1)]));
  });

  test('with affinity a client stays with its task, whichever way it asks', async () => {
    const said = (await hosts.ask(app1, '--times', '20', vip.sticky, '80')).split('\n');
    expect(new Set(said.map((line) => line.split(' ')[0])).size).toBe(1);
  });

  test('networks are closed to each other, by name or by address', async () => {
    expect(await hosts.ask(app1, vip.db, '80')).toMatch(db3);
    for (const to of [vip.db, vip.web, hosts.address(web1), hosts.address(db3)])
      expect(await hosts.ask(other2, to, '80')).toBe('refused');
    expect(await hosts.ask(web2, hosts.address(db3), '80')).toBe('refused');
  });

  test('a host believes no other host about networks', async () => {
    await hosts.network('h2').close(); // or it would repair itself
    await lab.exec('h2')(['nft', 'insert', 'rule', 'inet', 'gantry', 'from_container', 'accept']);
    expect(await hosts.ask(other2, hosts.address(db3), '80')).toBe('silence');
    await hosts.start('h2');
    await hosts.tell();
    expect(await hosts.ask(other2, hosts.address(db3), '80')).toBe('refused');
  });

  test('large packets pass: what a container sends fits into the tunnel', async () => {
    const mtu = (await lab.exec('h1')(['ip', '-o', 'link', 'show', `gv${web1}`])).stdout;
    expect(mtu).toContain('mtu 1450');
    const ping = ['nsenter', `--net=/run/netns/gt-${app1}`, 'busybox', 'ping', '-c1', '-W2', '-s', '1422'];
    expect((await lab.exec('h1')([...ping, hosts.address(web3)])).code).toBe(0);
  });
});

test('a wider pool is taken over while all goes on: connections, names of hosts, and who may come in', async () => {
  hosts.pools = { ...pools, containerPool: '10.210.0.0/17' };
  await hosts.tell();
  const held = await lab.hold('outside', lab.address('h1'), '5432');
  hosts.pools = pools;
  await hosts.tell();
  expect(await held.again()).toBe(held.first);
  await held.end();
  expect(await hosts.ask('outside', lab.address('h2'), '5432')).toMatch(`${db3} ${client} `);
  const { stdout } = await lab.exec('h1')(['ip', 'route', 'show', 'type', 'unreachable']);
  expect(stdout.trim().split('\n')).toEqual([expect.stringContaining(pools.containerPool)]);
});

describe('a container', () => {
  test('reaches no service of hosts, link-local address or unused address, and is told so at once', async () => {
    const stop = await Promise.all(['h1', 'h2'].map((host) => lab.serve(host, 'host-service', 2379)));
    const closed = [
      [lab.address('h1'), '2379'],
      [lab.address('h2'), '2379'],
      ['10.210.1.1', '2379'],
      ['10.210.2.1', '2379'],
      ['169.254.1.1', '2379'],
      ['169.254.169.254', '80'],
      ['10.210.1.200', '80'],
      ['10.211.9.9', '80'],
    ] as const;
    for (const [address, at] of closed)
      expect([address, await hosts.ask(web1, address, at)]).toEqual([address, 'refused']);
    await Promise.all(stop.map((end) => end()));
  });

  test('reaches the outside with the address of its host, unless its networks are internal', async () => {
    const stop = await lab.serve('outside', 'world', 443);
    expect(await hosts.ask(web3, client, '443')).toMatch(`world ${lab.address('h3')} `);
    expect(await hosts.ask(db3, client, '443')).toBe('refused');
    await stop();
  });

  test('cannot send with the address of another', async () => {
    const inside = ['nsenter', `--net=/run/netns/gt-${other2}`];
    const exec = lab.exec('h2');
    await exec([...inside, 'ip', 'addr', 'add', `${hosts.address(web2)}/32`, 'dev', 'lo']);
    const ping = [...inside, 'busybox', 'ping', '-c1', '-W1', '-I'];
    expect((await exec([...ping, hosts.address(other2), '10.210.2.1'])).code).toBe(0);
    expect((await exec([...ping, hosts.address(web2), '10.210.2.1'])).code).toBe(1);
  });
});

test('a UDP flow leaves a task that is no backend any more, and finds one that is new', async () => {
  const flow = await lab.hold(`/run/netns/gt-${app1}`, '--udp', vip.web, '80');
  const first = flow.first.split(' ')[0] ?? '';
  const rest = [web1, web2, web3].filter((task) => task !== first);
  await hosts.tell(shop.services(rest));
  expect(rest).toContain((await flow.again()).split(' ')[0]);
  await flow.end();
  await hosts.tell(shop.services());
});

test('UDP flows to tasks that left while the agent was dead are forgotten when it is back; the others go on', async () => {
  const flows = await Promise.all([
    lab.hold(`/run/netns/gt-${app1}`, '--udp', vip.web, '80'),
    lab.hold('outside', '--udp', lab.address('h1'), '5353'),
    lab.hold('outside', '--udp', lab.address('h1'), '5354'),
  ]);
  const [[first = ''] = [], , stays] = flows.map(({ first }) => first.split(' '));
  expect(stays?.[0]).toBe(app1);
  const rest = [web1, web2, web3].filter((task) => task !== first);
  await hosts.network('h1').close();
  await hosts.start('h1');
  // Its first word is of a cluster in which one task has left, and another has moved.
  await hosts.tell(shop.services(rest).map((one) => (one.service === 'db' ? shop.db(web2) : one)));
  const said = await Promise.all(flows.map((flow) => flow.again()));
  expect(rest).toContain(said[0]?.split(' ')[0]);
  expect(said[1]).toMatch(`${web2} ${client} `);
  expect(said[2]).toBe(flows[2].first);
  await Promise.all(flows.map((flow) => flow.end()));
  await hosts.tell(shop.services());
});

test('UDP flows to many that left are forgotten by one look and one command, and none by one look', async () => {
  const runs: string[] = [];
  const exec: Exec = (argv, options) => {
    runs.push(argv.join(' '));
    return lab.exec('h1')(argv, options);
  };
  const flows = Array.from({ length: 40 }, (_, index) => {
    const [vipOf, at] = [`10.211.7.${index + 1}`, `10.210.2.${100 + index}`];
    return `-A -t 60 -s 10.210.1.77 -d ${vipOf} -r ${at} -q 10.210.1.77 -p udp --sport 999 --dport 53 --reply-port-src 53 --reply-port-dst 999`;
  });
  await lab.exec('h1')(['sh', '-c', 'cat | conntrack -R -'], { input: `${flows.join('\n')}\n` });
  const env = { containerPool: '10.210.0.0/16', leads: new Leads(), taken: () => new Set<string>(), opened: new Set<number>() }; // prettier-ignore
  const { stdout } = await lab.exec('h1')(['conntrack', '-L', '-p', 'udp', '-d', '10.211.7.0/24']);
  expect(stdout.match(/dst=10\.211\.7\./g)).toHaveLength(40);
  expect(await forgetFlows(exec, () => env)).toBeUndefined();
  expect(runs).toEqual([expect.stringContaining('conntrack -L'), expect.stringContaining('conntrack -R')]);
  const left = await lab.exec('h1')(['conntrack', '-L', '-p', 'udp', '-d', '10.211.7.0/24']);
  expect(left.stdout).toBe('');
  expect(await forgetFlows(exec, () => env)).toBeUndefined();
  expect(runs).toHaveLength(3);
});

test('a connection to a container that is gone ends at once', async () => {
  await hosts.run([{ host: 'h2', ...aTask('brief2000002', ['front']) }]);
  await hosts.tell([
    ...shop.services(),
    anEndpoint('one', vip.one, shop.backends('brief2000002'), { networking: aNetworking(['front']) }),
  ]);
  const open = await lab.hold(`/run/netns/gt-${app1}`, vip.one, '80');
  expect(open.first).toMatch('brief2000002');
  await hosts.stop('brief2000002');
  await hosts.tell(shop.services());
  expect(await open.again()).toBe('reset');
  await open.end();
});

test('a kernel without policy routing says so, and its tasks are reached by the address of the host that was asked', async () => {
  hosts.without.add('h3');
  await hosts.start('h3');
  for (const pref of ['4200', '4201', '4202', '4202', '4299'])
    await lab.exec('h3')(['ip', 'rule', 'del', 'pref', pref]);
  await hosts.tell();
  await hosts.tell(); // what it says of itself reaches the others
  expect(hosts.network('h3').report()).toMatchObject({
    sourceNat: true,
    problem: expect.stringContaining('no policy routing') as string,
  });
  expect(await hosts.ask('outside', lab.address('h1'), '5432')).toMatch(`${db3} 10.210.1.1 `);
  expect(await hosts.ask('outside', '--udp', lab.address('h2'), '5353')).toMatch(`${db3} 10.210.2.1 `);
  expect(await hosts.ask('outside', lab.address('h3'), '5432')).toMatch(`${db3} ${client} `);
  expect(await hosts.ask(app1, vip.db, '80')).toMatch(`${db3} ${hosts.address(app1)} `);
  hosts.without.delete('h3');
  await hosts.start('h3');
  await hosts.tell();
  await hosts.tell();
  expect(hosts.network('h3').report().problem).toBeUndefined();
  expect(await hosts.ask('outside', lab.address('h1'), '5432')).toMatch(`${db3} ${client} `);
});
