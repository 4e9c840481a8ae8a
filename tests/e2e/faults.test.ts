import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { hostDown, hostUp, linksOfOurs } from '../support/faults.ts';
import { root } from '../support/imports.ts';
import { startLoad } from '../support/load/load.ts';
import { TestCluster } from '../support/test-cluster.ts';

const example = join(root, 'examples/hello');
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('faults', { fence: '10s' });
  await cluster.loadHello();
});

beforeEach(async () => {
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
  await cluster.ok('apply', '-f', join(example, 'compose.yaml'));
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** Task and pid of each running container. */
function containers(tasks: readonly TaskView[]): readonly string[] {
  return tasks.map((task) => `${task.id} pid ${String(task.status?.pid)}`).sort();
}

test('a killed container is replaced by a new task in the same slot', async () => {
  const [victim] = await cluster.running('hello');
  process.kill(victim!.status!.pid!, 'SIGKILL');
  const after = await waitFor(
    'a replacement',
    async () => {
      const running = await cluster.running('hello');
      return running.length === 3 && !running.some((task) => task.id === victim!.id) ? running : undefined;
    },
    10_000,
  );
  expect(after.map((task) => task.slot).sort()).toEqual([1, 2, 3]);
});

test('a killed agent leaves its containers running and adopts them when it is back', async () => {
  const before = containers(await cluster.running('hello'));
  await cluster.local.process('agent-n1').kill('SIGKILL');
  for (const line of before) expect(() => process.kill(Number(line.split(' ')[2]), 0)).not.toThrow();
  cluster.local.process('agent-n1').start();
  await waitForNodes(cluster.local.controllerAddress, 3, 20_000);
  expect(containers(await cluster.untilRunning('hello', 3))).toEqual(before);
});

test('a killed controller changes nothing on the hosts, and decides again when it is back', async () => {
  const before = containers(await cluster.running('hello'));
  await cluster.local.process('controller').kill('SIGKILL');
  cluster.local.process('controller').start();
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
  expect(containers(await cluster.untilRunning('hello', 3))).toEqual(before);
  await cluster.ok('scale', 'hello=4');
  expect(containers(await cluster.untilRunning('hello', 4))).toEqual(expect.arrayContaining([...before]));
});

test('the tasks of a lost host run on the others; a returned host takes none of them back and leads to nobody who is gone', async () => {
  const lost = cluster.local.host('n2');
  const dead = (await cluster.running('hello')).filter((task) => task.node === 'n2').map(({ id }) => id);
  expect(dead).not.toEqual([]);
  const started = performance.now();
  await hostDown(exec, cluster.local, lost);
  const moved = await waitFor(
    'three tasks on the other hosts',
    async () => {
      const running = (await cluster.running('hello')).filter((task) => task.node !== 'n2');
      return running.length === 3 ? running : undefined;
    },
    20_000,
    100,
  );
  const seconds = (performance.now() - started) / 1000;
  expect(seconds).toBeLessThan(8);
  const urlOf = (name: string): string => `http://${cluster.local.host(name).address}:8080/`;
  const others = startLoad([urlOf('n1'), urlOf('n3')], 2);
  await hostUp(exec, cluster.local, lost);
  // Asked from within: it first answers by what it knew before. From then on each request finds a task.
  const within = `/run/netns/${lost.netns}`;
  const connect = `exec 3<>/dev/tcp/${lost.address}/8080`;
  const asked = ['nsenter', `--net=${within}`, 'timeout', '1', 'bash', '-c', connect];
  await waitFor('an answer', async () => ((await exec(asked)).code === 0 ? true : undefined), 10_000, 10);
  const returned = startLoad([urlOf('n2')], 4, within);
  await waitForNodes(cluster.local.controllerAddress, 3, 20_000);
  expect(containers(await cluster.untilRunning('hello', 3))).toEqual(containers(moved));
  const links = async (): Promise<readonly string[]> => linksOfOurs(exec, lost);
  await waitFor(
    'its tunnel alone',
    async () => ((await links()).join() === 'gx' ? true : undefined),
    10_000,
    100,
  );
  await waitFor(
    'no traces of its containers',
    async () => ((await cluster.leaks()).length === 0 ? true : undefined),
    10_000,
    200,
  );
  for (const { failed, errors, ok } of [await others(), await returned()]) {
    expect({ failed, errors }).toEqual({ failed: 0, errors: {} });
    expect(ok).toBeGreaterThan(10);
  }
  for (const id of dead) expect(existsSync(`/run/netns/gt-${id}`)).toBe(false);
});

test('etcd and NATS may stop: containers stay, and all is well afterwards', async () => {
  const before = containers(await cluster.running('hello'));
  await Promise.all(['etcd', 'nats'].map((name) => cluster.local.process(name).kill('SIGTERM')));
  // Longer than any lease, silence or fence: whoever would give up has done so.
  await new Promise((resolve) => setTimeout(resolve, 13_000));
  for (const line of before) expect(() => process.kill(Number(line.split(' ')[2]), 0)).not.toThrow();
  for (const name of ['etcd', 'nats']) cluster.local.process(name).start();
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
  expect(containers(await cluster.untilRunning('hello', 3))).toEqual(before);
  await cluster.ok('scale', 'hello=4');
  await cluster.untilRunning('hello', 4);
});
