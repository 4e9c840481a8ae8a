import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { ports } from '../../packages/cli/src/local/topology.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { captured } from '../support/net-lab/capture.ts';
import { TestCluster } from '../support/test-cluster.ts';

const stacks = {
  shop: `
x-hello: &hello { image: "hello:1", init: true }
services:
  web: { <<: *hello, deploy: { replicas: 3 }, networks: { default: { aliases: [www] }, edge: } }
  db: { <<: *hello, networks: [back], deploy: { endpoint_mode: dnsrr, replicas: 2 } }
  api: { <<: *hello, networks: [back, default] }
networks: { edge: { name: edge }, back: }
`,
  blog: `
x-hello: &hello { image: "hello:1", init: true }
services:
  reader: { <<: *hello, networks: [edge] }
  loner: { <<: *hello }
networks: { edge: { external: true } }
`,
};
let cluster: TestCluster;

beforeAll(async () => {
  // Not the defaults, so that nothing goes by chance: hosts are told of them.
  const pools = { containerPool: '10.128.0.0/10', vipPool: '10.200.0.0/16' };
  cluster = await TestCluster.start('names', { encryption: 'wireguard', pools });
  await cluster.loadHello();
  for (const [stack, text] of Object.entries(stacks)) {
    const file = join(cluster.directory, `${stack}.yaml`);
    await writeFile(file, text);
    await cluster.ok('apply', '-f', file, '--stack', stack);
  }
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** Runs busybox in the first container of a service. */
async function inside(service: string, ...argv: readonly string[]): Promise<string> {
  const [task] = await cluster.running(service);
  return insidePid(task?.status?.pid ?? 0, ...argv);
}

async function insidePid(pid: number, ...argv: readonly string[]): Promise<string> {
  const enter = ['nsenter', `--target=${pid}`, '--mount', '--net', '--root', '--wd', '/bin/busybox'];
  const { stdout, stderr } = await exec([...enter, ...argv]);
  return `${stdout}${stderr}`;
}

/** Addresses that a name has for a service's container. */
async function lookUp(service: string, name: string): Promise<readonly string[]> {
  return addressesIn(await inside(service, 'nslookup', name, '169.254.1.1'));
}

function addressesIn(text: string): readonly string[] {
  const answer = text.split('\n\n').slice(1).join('\n');
  return [...answer.matchAll(/^Address(?: \d+)?: ([\d.]+)/gm)].map(([, address]) => address ?? '').sort();
}

async function addressesOf(service: string): Promise<readonly string[]> {
  return (await cluster.running(service)).map((task) => task.status?.address ?? '').sort();
}

test('services are reached by name from every host, through what the image itself resolves with', async () => {
  for (const task of await cluster.running('web')) {
    for (const name of ['web', 'www', 'web.shop', 'web.shop.gantry.internal', 'api', '2.web'])
      expect(await insidePid(task.status?.pid ?? 0, 'wget', '-qO-', `http://${name}:8080/`)).toMatch(
        /^Hello/,
      );
  }
});

test('what they say to each other crosses between hosts in secret', async () => {
  const { switchNs, hosts } = cluster.local.topology;
  const addresses = hosts.map(({ address }) => address);
  const packets = await captured(switchNs, async () => {
    for (const task of await cluster.running('web')) {
      for (const name of ['1.web', '2.web', '3.web', 'api'])
        await insidePid(task.status?.pid ?? 0, 'wget', '-qO-', `http://${name}:8080/`);
    }
  });
  const between = packets.filter(({ from, to }) => addresses.includes(from) && addresses.includes(to));
  expect(between.length).toBeGreaterThan(30);
  expect(between.filter(({ protocol, port }) => protocol !== 17 || port !== 51_820)).toEqual([]);
  expect(between.filter(({ bytes }) => ['Hello', 'GET /'].some((word) => bytes.includes(word)))).toEqual([]);
  expect(await cluster.ok('node', 'ls', '-o', 'wide')).toMatch(/wireguard +1 /);
  await cluster.ok('node', 'rotate-key', 'n1');
  const key = async (): Promise<true | undefined> =>
    (await cluster.nodes()).find(({ name }) => name === 'n1')?.keyGeneration === 2 ? true : undefined;
  await waitFor('a new key', key, 10_000, 100);
});

test('tasks, slots and round robin are answered with addresses of tasks', async () => {
  expect(await lookUp('api', 'tasks.web')).toEqual(await addressesOf('web'));
  expect(await lookUp('api', 'db')).toEqual(await addressesOf('db'));
  const second = (await cluster.running('web')).find(({ slot }) => slot === 2);
  expect(await lookUp('api', '2.web')).toEqual([second?.status?.address]);
});

test('names end where networks end', async () => {
  expect(await lookUp('reader', 'web.shop')).toHaveLength(1);
  expect(await lookUp('reader', 'web')).toHaveLength(1);
  for (const [service, name] of [
    ['reader', 'api.shop'],
    ['loner', 'web.shop'],
    ['web', 'db'],
    ['web', 'loner.blog'],
  ] as const)
    expect(await lookUp(service, `${name}.gantry.internal`), `${service} asks ${name}`).toEqual([]);
});

test('the cli says who is on what, and who may reach whom', async () => {
  const networks = JSON.parse(await cluster.ok('network', 'ls', '-o', 'json')) as {
    name: string;
    services: string[];
  }[];
  expect(networks.find(({ name }) => name === 'edge')?.services).toEqual(['blog/reader', 'shop/web']);
  expect(await cluster.gantry('net', 'why', 'reader', 'web')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('blog/reader may reach shop/web: both are on network edge') as string,
  });
  expect(await cluster.gantry('net', 'why', 'loner', 'web')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('they share no network') as string,
  });
});

test('containers reach no controller, and nothing of the cloud below the hosts', async () => {
  const { gateway } = cluster.local.topology;
  const connected = `exec 3<>/dev/tcp/${gateway}/${ports.controller} && echo connected`;
  expect((await exec(['bash', '-c', connected])).stdout, 'it listens').toBe('connected\n');
  const [task] = await cluster.running('web');
  const into = ['nsenter', `--target=${task?.status?.pid ?? 0}`, '--net', 'timeout', '5', 'bash', '-c'];
  for (const script of [connected, 'exec 3<>/dev/tcp/169.254.169.254/80'])
    expect((await exec([...into, script])).stderr, script).toContain('Connection refused');
});

test('names go on without the controller, and after the agents were started anew', async () => {
  const [web] = await cluster.running('web');
  const pid = web?.status?.pid ?? 0;
  const before = await insidePid(pid, 'nslookup', 'tasks.web', '169.254.1.1');
  const controller = cluster.local.process('controller');
  await controller.kill('SIGKILL');
  try {
    expect(addressesIn(await insidePid(pid, 'nslookup', 'tasks.web', '169.254.1.1'))).toEqual(
      addressesIn(before),
    );
    const agent = cluster.local.process(`agent-${web?.node ?? ''}`);
    await agent.kill('SIGKILL');
    agent.start();
    const after = await waitFor(
      'an answer of the new agent',
      async () => {
        const found = addressesIn(await insidePid(pid, 'nslookup', 'tasks.web', '169.254.1.1'));
        return found.length > 0 ? found : undefined;
      },
      10_000,
      100,
    );
    expect(after).toEqual(addressesIn(before));
  } finally {
    controller.start();
  }
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
  await cluster.untilRunning('web', 3);
});

test('nothing is left when the stacks are gone', async () => {
  for (const stack of Object.keys(stacks)) await cluster.ok('rm', stack);
  await cluster.untilNoLeaks();
});
