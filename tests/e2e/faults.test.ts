import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { hostDown, hostUp } from '../support/faults.ts';
import { root } from '../support/imports.ts';
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

test('the tasks of a lost host run on the others, and a returned host takes none of them back', async () => {
  const lost = cluster.local.host('n2');
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
  await hostUp(exec, cluster.local, lost);
  await waitForNodes(cluster.local.controllerAddress, 3, 20_000);
  expect(containers(await cluster.untilRunning('hello', 3))).toEqual(containers(moved));
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
