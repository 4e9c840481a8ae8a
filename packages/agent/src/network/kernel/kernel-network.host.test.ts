import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { Lab } from '../../../../../tests/support/net-lab/lab.ts';
import { pools, subnet } from '../../../../../tests/support/networks.ts';
import type { Asker } from '../fake.ts';
import type { Network } from '../network.ts';
import { networkContract } from '../network.contract.ts';
import { createKernelNetwork } from './kernel-network.ts';
import { settingsThrough } from './settings.ts';

const lab = new Lab(1);
let stateDir = '';
let skewMs = 0;
const served: (() => Promise<void>)[] = [];

beforeAll(async () => {
  await lab.open();
  stateDir = await mkdtemp(join(tmpdir(), 'gantry-net-'));
});

afterAll(async () => {
  await lab.close();
  await rm(stateDir, { recursive: true });
});

const open = (): Promise<Network> =>
  createKernelNetwork({
    stateDir,
    runDir: stateDir,
    guarded: [],
    exec: lab.exec('h1'),
    settings: settingsThrough(lab.exec('h1')),
    follow: lab.follow('h1'),
    converse: lab.converse('h1'),
    clock: { ...systemClock, now: () => systemClock.now() + skewMs },
    log: silentLogger,
  });

networkContract('kernel', {
  address: lab.address('h1'),
  open,
  later: (ms) => (skewMs += ms),
  serve: async ({ netns, containerId }) => {
    served.push(await lab.serve(netns, containerId, 80));
  },
  ask: async (_network, from: Asker, to, port, protocol = 'tcp') => {
    const where = from === 'host' ? 'h1' : from === 'outside' ? from : `/run/netns/gt-${from.container}`;
    const said = await lab.ask(where, ...(protocol === 'udp' ? ['--udp'] : []), to, String(port));
    return said.split(' ')[0] ?? '';
  },
  traces: async () => {
    await Promise.all(served.splice(0).map((stop) => stop()));
    const host = lab.exec('h1');
    const [links, tables, rules, routes] = await Promise.all([
      host(['ip', '-o', 'link', 'show']),
      host(['nft', 'list', 'tables']),
      host(['ip', 'rule', 'show']),
      host(['ip', 'route', 'show', 'table', 'all']),
    ]);
    const namespaces = (await readdir('/run/netns')).filter((name) =>
      ['gt-webwebwebweb', 'gt-dbdbdbdbdbdb', 'gt-apiapiapiapi'].includes(name),
    );
    return [
      ...namespaces,
      ...(links.stdout.match(/\b(gv\w+|gx)\b/g) ?? []),
      ...(tables.stdout.match(/inet gantry/g) ?? []),
      ...(rules.stdout.match(/^42\d\d:.*/gm) ?? []),
      ...(routes.stdout.match(/^.*\b10\.21[01]\..*$/gm) ?? []),
    ];
  },
});

test('a namespace is there before its link; what is in the way of the link is said, and gone with the next attempt', async () => {
  const [network, id] = [await open(), 'webwebwebweb'];
  const address = lab.address('h1');
  await network.configure({ subnet, pools, address, peers: [], endpoints: [], tasks: [] });
  await execOk(lab.exec('h1'), ['ip', 'link', 'add', `gv${id}`, 'type', 'veth', 'peer', 'other']);
  const { netns } = await network.attach(id, []);
  await execOk(exec, ['nsenter', `--net=${netns}`, 'true']);
  await expect(network.settled(id)).rejects.toThrow(/got no link: .*exists/);
  await network.attach(id, []);
  await network.settled(id);
  const routes = await execOk(exec, ['ip', '-netns', `gt-${id}`, 'route', 'show', 'default']);
  expect(routes).toContain('dev eth0');
  await network.teardown();
});
