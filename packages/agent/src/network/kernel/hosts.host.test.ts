import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PortSpec } from '@gantry/model/service';
import { Lab, type Held } from '../../../../../tests/support/net-lab/lab.ts';
import { LabHosts } from '../../../../../tests/support/net-lab/hosts.ts';
import { aNetworking, anEndpoint, aTask } from '../../../../../tests/support/networks.ts';
import { waitFor } from '../../../../../packages/cli/src/local/wait.ts';

const lab = new Lab(3);
const hosts = new LabHosts(lab);
const [web1, web2, web3, db3, other2, app1] = [
  'web100000001',
  'web200000002',
  'web300000003',
  'db3000000003',
  'other2000002',
  'app100000001',
] as const;
const vip = {
  web: '10.211.0.1',
  db: '10.211.0.2',
  sticky: '10.211.0.3',
  one: '10.211.0.4',
  app: '10.211.0.5',
} as const;
const client = lab.address('outside');

function port(published: number, more: Partial<PortSpec> = {}): PortSpec {
  return { target: 80, published, protocol: 'tcp', mode: 'ingress', ...more };
}
const backends = (...tasks: readonly string[]): { taskId: string; address: string }[] =>
  tasks.map((taskId) => ({ taskId, address: hosts.address(taskId) }));

function services(webs: readonly string[] = [web1, web2, web3]) {
  return [
    anEndpoint('web', vip.web, backends(...webs), {
      networking: aNetworking(['front']),
    }),
    anEndpoint('app', vip.app, backends(app1), { networking: aNetworking(['front', 'back']) }),
    anEndpoint('db', vip.db, backends(db3), {
      ports: [port(5432), port(5353, { protocol: 'udp' })],
      networking: aNetworking(['back'], { internal: true }),
    }),
    anEndpoint('sticky', vip.sticky, backends(...webs), {
      networking: aNetworking(['front'], { affinity: 'client' }),
    }),
  ];
}

beforeAll(async () => {
  await lab.open();
  await hosts.open();
  await hosts.run([
    { host: 'h1', ...aTask(web1, ['front']) },
    { host: 'h1', ...aTask(app1, ['front', 'back']) },
    { host: 'h2', ...aTask(web2, ['front']) },
    { host: 'h2', ...aTask(other2, ['elsewhere']) },
    { host: 'h3', ...aTask(web3, ['front']) },
    { host: 'h3', ...aTask(db3, ['back'], { internal: true }) },
  ]);
  await hosts.tell(services());
});

afterAll(async () => {
  await hosts.close();
  await lab.close();
});

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
  await hosts.tell(services(rest));
  expect(rest).toContain((await flow.again()).split(' ')[0]);
  await flow.end();
  await hosts.tell(services());
});

test('a connection to a container that is gone ends at once', async () => {
  await hosts.run([{ host: 'h2', ...aTask('brief2000002', ['front']) }]);
  await hosts.tell([
    ...services(),
    anEndpoint('one', vip.one, backends('brief2000002'), { networking: aNetworking(['front']) }),
  ]);
  const open = await lab.hold(`/run/netns/gt-${app1}`, vip.one, '80');
  expect(open.first).toMatch('brief2000002');
  await hosts.stop('brief2000002');
  await hosts.tell(services());
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

describe('when others meddle', () => {
  const held: Held[] = [];
  /** Two connections across hosts: to a virtual address, and from outside to a task on another host. */
  const hold = async (): Promise<readonly string[]> => {
    const both = [
      await lab.hold(`/run/netns/gt-${app1}`, vip.db, '80'),
      await lab.hold('outside', lab.address('h1'), '5432'),
    ];
    held.push(...both);
    for (const { first } of both) expect(first).toMatch(db3);
    return both.map(({ first }) => first);
  };
  const again = (): Promise<readonly string[]> => Promise.all(held.map((one) => one.again()));
  const end = async (): Promise<void> => {
    await Promise.all(held.splice(0).map((one) => one.end()));
  };
  const back = (what: string, look: readonly string[], until: RegExp): Promise<unknown> =>
    waitFor(
      what,
      async () => (until.test((await lab.exec('h1')(look)).stdout) ? true : undefined),
      10_000,
      50,
    );

  const meddling: readonly (readonly [string, readonly string[], readonly string[], RegExp])[] = [
    ['the ruleset is flushed', ['nft', 'flush', 'ruleset'], ['nft', 'list', 'chains'], /chain postrouting/],
    ['a chain is emptied', ['nft', 'flush', 'chain', 'inet', 'gantry', 'forward'], ['nft', '-t', 'list', 'chain', 'inet', 'gantry', 'forward'], /to_container/],
    ['the tunnel is deleted', ['ip', 'link', 'del', 'gx'], ['ip', 'route', 'show', 'dev', 'gx'], /10\.210\.3\.0\/24/],
    ['the tunnel is set down', ['ip', 'link', 'set', 'gx', 'down'], ['ip', 'route', 'show', 'dev', 'gx'], /10\.210\.3\.0\/24/],
    ['routes are flushed', ['ip', 'route', 'flush', 'dev', 'gx'], ['ip', 'route', 'show', 'dev', 'gx'], /10\.210\.3\.0\/24/],
    ['a neighbour is deleted', ['ip', 'neigh', 'flush', 'dev', 'gx', 'nud', 'all'], ['ip', 'neigh', 'show', 'dev', 'gx', 'nud', 'permanent'], /10\.210\.3\.1/],
    ['a container’s link is deleted', ['ip', 'link', 'del', `gv${app1}`], ['ip', 'route', 'show', 'dev', `gv${app1}`], /10\.210\.1\./],
    ['a container’s route is deleted', ['ip', 'route', 'flush', 'dev', `gv${app1}`], ['ip', 'route', 'show', 'dev', `gv${app1}`], /10\.210\.1\./],
  ]; // prettier-ignore

  for (const [what, meddle, look, until] of meddling) {
    test(`${what}: it is back within 10 s, and connections go on`, async () => {
      // An idle connection from outside outlives anything; one in use while no rule stands is reset by the host itself.
      const first = await hold();
      expect((await lab.exec('h1')(meddle)).code).toBe(0);
      await back(what, look, until);
      expect(await again()).toEqual(first);
      await end();
    });
  }

  test('rules of routing are flushed on the host of the task: they are back, and answers find their way', async () => {
    const first = await hold();
    const exec = lab.exec('h3');
    await exec(['ip', 'rule', 'del', 'pref', '4202']);
    await exec(['ip', 'rule', 'del', 'pref', '4200']);
    await waitFor(
      'rules',
      async () =>
        (await exec(['ip', 'rule', 'show'])).stdout.match(/^420\d:/gm)?.length === 4 ? true : undefined,
      10_000,
      50,
    );
    expect(await again()).toEqual(first);
    await end();
  });

  test('a docker drops what is forwarded: containers go on', async () => {
    const exec = lab.exec('h1');
    const docker = 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }';
    await exec(['nft', '-f', '-'], { input: docker });
    await back('a rule in FORWARD', ['nft', 'list', 'chain', 'ip', 'filter', 'FORWARD'], /gantry/);
    expect(await hosts.ask(app1, vip.db, '80')).toMatch(db3);
    await exec(['nft', 'delete', 'table', 'ip', 'filter']);
  });

  test('an agent that starts again changes nothing for connections, and forgets hosts that left', async () => {
    const first = await hold();
    await lab.exec('h1')('ip route add 10.210.77.0/24 via 10.210.2.1 dev gx onlink'.split(' '));
    await hosts.start('h1');
    const quiet = new AbortController();
    const asking = (async () => {
      const said: string[] = [];
      while (!quiet.signal.aborted) said.push((await hosts.ask(app1, vip.db, '80')).split(' ')[0] ?? '');
      return said;
    })();
    await hosts.tell();
    quiet.abort();
    expect(new Set(await asking)).toEqual(new Set([db3]));
    expect((await lab.exec('h1')(['ip', 'route', 'show', 'dev', 'gx'])).stdout).not.toContain('10.210.77');
    expect(await again()).toEqual(first);
    await end();
  });
});
