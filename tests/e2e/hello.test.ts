import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkExample, fetchText } from '../../packages/cli/src/local/example.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { root } from '../support/imports.ts';
import { TestCluster } from '../support/test-cluster.ts';

const example = join(root, 'examples/hello');
const compose = join(example, 'compose.yaml');
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('hello');
  await cluster.loadHello();
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** The example with another greeting, and new tasks that are watched for a moment only. */
async function goodbye(): Promise<string> {
  const text = await readFile(compose, 'utf8');
  return text
    .replace('Hello from Gantry', 'Goodbye')
    .replace('replicas: 3', 'replicas: 3\n      update_config: { monitor: 500ms }');
}

describe('the hello example', () => {
  afterEach(async () => {
    await cluster.gantry('rm', 'hello');
    await cluster.untilNoLeaks();
  });

  test('runs a replica on each host and answers on every host', async () => {
    await cluster.ok('apply', '-f', compose);
    const running = await cluster.running('hello');
    expect(running).toHaveLength(3);
    expect(new Set(running.map((task) => task.node)).size).toBe(3);
    for (const line of await checkExample(cluster.local.topology.hosts))
      expect(line).toContain('Hello from Gantry');
  });

  test('applying the same file again changes nothing', async () => {
    await cluster.ok('apply', '-f', compose);
    const before = (await cluster.running('hello')).map((task) => task.id).sort();
    const applied = JSON.parse(await cluster.ok('apply', '-f', compose, '-o', 'json')) as {
      change: string;
    }[];
    expect(applied.map((service) => service.change)).toEqual(['unchanged']);
    expect((await cluster.running('hello')).map((task) => task.id).sort()).toEqual(before);
  });

  test('scales up and down and keeps the tasks that stay', async () => {
    await cluster.ok('apply', '-f', compose);
    const three = (await cluster.running('hello')).map((task) => task.id);
    await cluster.ok('scale', 'hello=5');
    const five = (await cluster.untilRunning('hello', 5)).map((task) => task.id);
    expect(five).toEqual(expect.arrayContaining(three));
    await cluster.ok('scale', 'hello=2');
    const two = (await cluster.untilRunning('hello', 2)).map((task) => task.id);
    expect(five).toEqual(expect.arrayContaining(two));
  });

  test('a changed environment replaces every task and the new one answers', async () => {
    await cluster.ok('apply', '-f', compose);
    const before = new Set((await cluster.running('hello')).map((task) => task.id));
    const changed = join(cluster.directory, 'changed.yaml');
    await writeFile(changed, await goodbye());
    await cluster.ok('apply', '-f', changed, '--stack', 'hello');
    const after = await cluster.untilRunning('hello', 3);
    expect(after.filter((task) => before.has(task.id))).toEqual([]);
    const address = cluster.local.topology.hosts[0]?.address ?? '';
    expect(await fetchText(`http://${address}:8080/`)).toContain('Goodbye');
  });

  test('logs come from every replica, with its name', async () => {
    await cluster.ok('apply', '-f', compose);
    const logs = await cluster.ok('logs', 'hello');
    expect(logs.split('\n').filter((line) => line.includes('serving on port 8080'))).toHaveLength(3);
  });

  test('top shows what hosts and tasks use', async () => {
    await cluster.ok('apply', '-f', compose);
    const usage = await waitFor(
      'usage of three hosts',
      async () => {
        const nodes = JSON.parse(await cluster.ok('top', '-o', 'json')) as {
          tasks: { memoryBytes: number }[];
        }[];
        return nodes.flatMap((node) => node.tasks).length === 3 ? nodes : undefined;
      },
      15_000,
      500,
    );
    expect(usage.every((node) => node.tasks.every((task) => task.memoryBytes > 0))).toBe(true);
  });

  test('an image is kept while a service uses it, and can be removed afterwards', async () => {
    await cluster.ok('apply', '-f', compose);
    const inspected = JSON.parse(await cluster.ok('image', 'inspect', 'hello:1', '-o', 'json')) as {
      usedBy: string[];
      layers: unknown[];
    };
    expect(inspected).toMatchObject({ usedBy: ['hello/hello'], layers: [expect.anything()] });
    const refused = await cluster.gantry('image', 'rm', 'hello:1');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('image hello:1 is used by hello/hello');
    await cluster.ok('rm', 'hello');
    const pruned = JSON.parse(await cluster.ok('image', 'prune', '--all', '--dry-run', '-o', 'json')) as {
      name: string;
    }[];
    expect(pruned.map(({ name }) => name)).toEqual([expect.stringContaining('hello:1')]);
    expect(await cluster.ok('image', 'ls', '-q')).toContain('hello:1');
  });

  test('rm leaves nothing of the service', async () => {
    await cluster.ok('apply', '-f', compose);
    await cluster.ok('rm', 'hello');
    expect(await cluster.services()).toEqual([]);
    expect(await cluster.gantry('doctor', '--leaks')).toMatchObject({ code: 0 });
  });
});
