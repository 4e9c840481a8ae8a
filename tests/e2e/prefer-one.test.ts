import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { TestCluster } from '../support/test-cluster.ts';

const fenceMs = 6_000;
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('prefer-one', { silence: '2s', fence: `${fenceMs}ms` });
  await cluster.loadHello();
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** When the process ended, by this machine's clock: it runs on this kernel, whatever host it is of. */
async function endOf(pid: number): Promise<number> {
  await waitFor('its end', () => Promise.resolve(existsSync(`/proc/${pid}`) ? undefined : true), 60_000, 10);
  return performance.now();
}

test('a database on a host that is cut off, its agent standing still and the controller killed, never runs twice', async () => {
  const file = join(cluster.directory, 'compose.yaml');
  await writeFile(
    file,
    'name: shop\nservices:\n  db:\n    image: hello:1\n    stop_grace_period: 1s\n    x-gantry: {availability: prefer-one}\n',
  );
  await cluster.ok('apply', '-f', file);
  const [first] = await cluster.untilRunning('db', 1);
  const host = cluster.local.host(first!.node);
  const agent = cluster.local.process(`agent-${host.name}`);
  const cutAt = performance.now();
  await exec(['ip', '-n', cluster.local.topology.switchNs, 'link', 'set', host.name, 'down']);
  process.kill(agent.pid!, 'SIGSTOP');
  await cluster.local.process('controller').kill('SIGKILL');
  cluster.local.process('controller').start();
  const ended = endOf(first!.status!.pid!);
  const second = await waitFor(
    'another task',
    async () =>
      (await cluster.running('db').catch(() => [])).find(
        (task) => task.id !== first!.id && task.node !== host.name,
      ),
    60_000,
    20,
  );
  const startedAt = performance.now() - (Date.now() - second.status!.at);
  const endedAt = await ended;
  process.stderr.write(
    `    ended ${Math.round(endedAt - cutAt)} ms after the cut, another started after ${Math.round(startedAt - cutAt)} ms\n`,
  );
  expect(endedAt - cutAt).toBeGreaterThan(fenceMs - 1_500);
  expect(startedAt).toBeGreaterThan(endedAt);
  process.kill(agent.pid!, 'SIGCONT');
  await exec(['ip', '-n', cluster.local.topology.switchNs, 'link', 'set', host.name, 'up']);
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
  const running = await cluster.untilRunning('db', 1);
  expect(running.map(({ id }) => id)).toEqual([second.id]);
});
