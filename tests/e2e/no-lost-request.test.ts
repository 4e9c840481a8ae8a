import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { startLoad, type LoadResult } from '../support/load/load.ts';
import { buildWebImage } from '../support/load/web-image.ts';
import { TestCluster } from '../support/test-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('requests');
  const archive = join(cluster.directory, 'web.tar');
  buildWebImage(archive);
  await cluster.ok('image', 'load', archive);
  await apply('1');
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** One replica of a server that listens a second after it was started, and containers to ask from inside. */
async function apply(version: string): Promise<void> {
  const file = join(cluster.directory, 'compose.yaml');
  await writeFile(
    file,
    `
services:
  web:
    image: web:1
    environment: { VERSION: "${version}", START_DELAY: 1 }
    ports: ["8080:8080"]
    stop_grace_period: 20s
    x-gantry:
      drain: 1s
      healthcheck: { http: ":8080/", interval: 1s, start_period: 20s, start_interval: 200ms }
  inside: { image: "web:1", deploy: { replicas: 2 } }
`,
  );
  await cluster.ok('apply', '-f', file, '--stack', 'shop');
}

/** Load on the published port of every host and, from inside a container of another host, on the virtual address while `work` goes on. */
async function underLoad(work: () => Promise<void>): Promise<LoadResult> {
  const vip = (await cluster.services()).find(({ name }) => name === 'web')?.vip ?? '';
  const [web] = await cluster.running('web');
  const inside = (await cluster.running('inside')).find(({ node }) => node !== web?.node);
  const published = cluster.local.topology.hosts.map(({ address }) => `http://${address}:8080/`);
  const ends = [
    startLoad(published, 6),
    startLoad([`http://${vip}:8080/`], 4, `/run/netns/gt-${inside?.id ?? ''}`),
  ];
  try {
    await work();
  } finally {
    // What was asked for last is to be seen to the end by all of it.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const [outer, inner] = await Promise.all(ends.map((end) => end()));
  expect(inner?.ok).toBeGreaterThan(100);
  return { ...outer!, failed: outer!.failed + inner!.failed, errors: { ...outer!.errors, ...inner!.errors } };
}

function expectNoneLost(result: LoadResult): void {
  expect(result.errors).toEqual({});
  expect(result.failed).toBe(0);
  expect(result.ok).toBeGreaterThan(500);
  expect(result.kept).toBeGreaterThan(100);
}

test('an update of a service with one replica loses no request', async () => {
  const result = await underLoad(() => apply('2'));
  expectNoneLost(result);
  expect(Object.keys(result.versions).sort()).toEqual(['1', '2']);
  expect(await cluster.running('web')).toHaveLength(1);
});

test('scaling up and down again loses no request', async () => {
  const result = await underLoad(async () => {
    await cluster.ok('scale', 'web=4');
    await cluster.untilRunning('web', 4);
    await cluster.ok('scale', 'web=1');
    await untilEnded(1);
  });
  expectNoneLost(result);
});

test('draining the host of the only replica loses no request', async () => {
  const [before] = await cluster.running('web');
  const node = before?.node ?? '';
  const result = await underLoad(async () => {
    await cluster.ok('node', 'drain', node);
    await untilEnded(1);
  });
  expectNoneLost(result);
  expect((await cluster.running('web')).map((task) => task.node)).not.toContain(node);
  await cluster.ok('node', 'uncordon', node);
});

test('an agent that is started anew during an update loses no request', async () => {
  const result = await underLoad(async () => {
    const update = apply('3');
    await waitFor(
      'the new task',
      async () => ((await cluster.running('web')).length > 1 ? true : undefined),
      20_000,
      50,
    );
    const [some] = await cluster.running('web');
    const agent = cluster.local.process(`agent-${some?.node ?? ''}`);
    await agent.kill('SIGKILL');
    agent.start();
    await update;
    await untilEnded(1);
  });
  expectNoneLost(result);
});

/** Until so many tasks of the service are there in whatever state: those that were to stop have ended. */
async function untilEnded(count: number): Promise<void> {
  await waitFor(
    'the end of the others',
    async () => {
      const tasks = (await cluster.tasks()).filter(({ service }) => service === 'web');
      return tasks.length === count && tasks.every(({ status }) => status?.ready) ? true : undefined;
    },
    60_000,
    100,
  );
}
