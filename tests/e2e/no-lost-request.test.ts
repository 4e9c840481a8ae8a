import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlClient, type TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { startLoad, together, type LoadResult } from '../support/load/load.ts';
import { buildWebImage } from '../support/load/web-image.ts';
import { TestCluster } from '../support/test-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('requests', { controllers: 2 });
  const archive = join(cluster.directory, 'web.tar');
  buildWebImage(archive);
  await cluster.ok('image', 'load', archive);
  await apply('1');
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/**
 * One replica of a server that listens a second after it was started and says 503 for another, one of another service, and
 * a container on each host to ask from inside.
 */
async function apply(version: string, ...flags: readonly string[]): Promise<void> {
  const file = join(cluster.directory, 'compose.yaml');
  const server = (word: string, port: number): string => `
    image: web:1
    environment: { VERSION: "${word}", START_DELAY: 1, UNREADY: 1 }
    ports: ["${port}:8080"]
    stop_grace_period: 20s
    deploy: { update_config: { monitor: 1s } }
    x-gantry:
      drain: 1s
      healthcheck: { http: ":8080/", interval: 1s, start_period: 20s, start_interval: 200ms }`;
  await writeFile(
    file,
    `
services:
  web: ${server(version, 8080)}
  other: ${server('other', 8081)}
  inside: { image: "web:1", deploy: { mode: global } }
`,
  );
  await cluster.ok('apply', '-f', file, '--stack', 'shop', ...flags);
}

/**
 * Load while `work` goes on: on the published port of every host, and on the virtual address from inside a container of every
 * host but `without`. Nobody may reach the other service, or another one's clients this one.
 */
async function underLoad(work: () => Promise<void>, without?: string): Promise<LoadResult> {
  const other = startLoad(published(8081), 2);
  const ends = await startLoads(without);
  try {
    await work();
  } finally {
    // What was asked for last is to be seen to the end by all of it.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const [others, ...results] = await Promise.all([other, ...ends].map((end) => end()));
  expect(others).toMatchObject({ errors: {}, versions: { other: others?.ok } });
  for (const { ok } of results) expect(ok).toBeGreaterThan(50);
  return together(results);
}

function published(port: number): readonly string[] {
  return cluster.local.topology.hosts.map(({ address }) => `http://${address}:${port}/`);
}

async function startLoads(without?: string): Promise<readonly (() => Promise<LoadResult>)[]> {
  const vip = (await cluster.services()).find(({ name }) => name === 'web')?.vip ?? '';
  const inside = (await cluster.running('inside')).filter(({ node }) => node !== without);
  expect(inside).toHaveLength(without === undefined ? 3 : 2);
  return [
    startLoad(published(8080), 4),
    ...inside.map(({ id }) => startLoad([`http://${vip}:8080/`], 2, `/run/netns/gt-${id}`)),
  ];
}

function expectNoneLost(result: LoadResult, versions: readonly string[]): void {
  expect(result.errors).toEqual({});
  expect(result.failed).toBe(0);
  expect(result.ok).toBeGreaterThan(500);
  expect(result.kept).toBeGreaterThan(100);
  expect(Object.keys(result.versions).sort()).toEqual(versions);
}

test('an update of a service with one replica loses no request', async () => {
  const result = await underLoad(() => apply('2'));
  expectNoneLost(result, ['1', '2']);
  expect(await cluster.running('web')).toHaveLength(1);
});

test('scaling up and down again loses no request', async () => {
  expectNoneLost(await underLoad(scaleUpAndDown), ['2']);
});

test('draining the host of the only replica loses no request', async () => {
  expectNoneLost(await underDrain(), ['2']);
});

test('an agent that is started anew during an update loses no request', async () => {
  const result = await underLoad(async () => {
    const update = apply('3');
    await untilTwo((task) => task.status?.ready === true);
    const [some] = await cluster.running('web');
    const agent = cluster.local.process(`agent-${some?.node ?? ''}`);
    await agent.kill('SIGKILL');
    agent.start();
    await update;
    await untilEnded(1);
  });
  expectNoneLost(result, ['2', '3']);
});

test('a leader that is killed during an update, and the next one that ends it, lose no request and lead nobody astray', async () => {
  const result = await underLoad(async () => {
    await apply('4', '--detach');
    await untilTwo(() => true);
    await cluster.local.process('controller').kill('SIGKILL');
    cluster.leader = 'controller-2';
    await waitForNodes(cluster.local.addressOf('controller-2'), 3, 60_000);
    await untilEnded(1);
  });
  expectNoneLost(result, ['3', '4']);
  expect(await cluster.ok('image', 'ls'), 'loaded into the one that is gone').toContain('web:1');
});

test(
  'in an encrypted cluster an update, scaling and draining lose no request',
  { timeout: 240_000 },
  async () => {
    await encrypt();
    const result = await underLoad(async () => {
      await apply('5');
      await scaleUpAndDown();
    });
    expectNoneLost(result, ['4', '5']);
    expectNoneLost(await underDrain(), ['5']);
  },
);

async function scaleUpAndDown(): Promise<void> {
  await cluster.ok('scale', 'web=4');
  await cluster.untilRunning('web', 4);
  await cluster.ok('scale', 'web=1');
  await untilEnded(1);
}

async function underDrain(): Promise<LoadResult> {
  const [before] = await cluster.running('web');
  const node = before?.node ?? '';
  const result = await underLoad(async () => {
    await cluster.ok('node', 'drain', node);
    await untilEnded(1);
  }, node);
  expect((await cluster.running('web')).map((task) => task.node)).not.toContain(node);
  await cluster.ok('node', 'uncordon', node);
  await cluster.untilRunning('inside', 3);
  return result;
}

/** The controller that was killed comes back, told to encrypt, and takes the lead over. */
async function encrypt(): Promise<void> {
  const [next, former] = [cluster.local.process('controller'), cluster.local.process('controller-2')];
  next.start(['--encryption', 'wireguard']);
  await former.kill('SIGTERM');
  cluster.leader = 'controller';
  await waitForNodes(cluster.local.controllerAddress, 3, 60_000);
  const isSecret = async (): Promise<true | undefined> => {
    const nodes = await cluster.nodes();
    return nodes.every(({ encryption, networkProblem }) => encryption === 'wireguard' && !networkProblem)
      ? true
      : undefined;
  };
  await waitFor('encryption', isSecret, 60_000, 100);
  // What was interrupted by the change is over when all are answered, from inside every host.
  const isQuiet = async (): Promise<true | undefined> => {
    const ends = await startLoads();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { failed, ok } = together(await Promise.all(ends.map((end) => end())));
    return failed === 0 && ok > 0 ? true : undefined;
  };
  await waitFor('answers', isQuiet, 60_000, 100);
}

/** Until two tasks of the service are so; asked without a process each time, for it passes. */
async function untilTwo(are: (task: TaskView) => boolean): Promise<void> {
  const client = new ControlClient(cluster.local.addressOf(cluster.leader), credentials.createInsecure());
  const tasks = (): Promise<readonly TaskView[]> =>
    new Promise((resolve) => {
      client.listTasks({ names: ['web'], all: false }, (error, answer) => resolve(error ? [] : answer.tasks));
    });
  try {
    await waitFor(
      'two tasks',
      async () => ((await tasks()).filter(are).length > 1 ? true : undefined),
      60_000,
      50,
    );
  } finally {
    client.close();
  }
}

const webTasks = async () => (await cluster.tasks()).filter(({ service }) => service === 'web');

/** Until so many tasks of the service are there in whatever state: those that were to stop have ended. */
async function untilEnded(count: number): Promise<void> {
  await waitFor(
    'the end of the others',
    async () => {
      const tasks = await webTasks();
      return tasks.length === count && tasks.every(({ status }) => status?.ready) ? true : undefined;
    },
    60_000,
    100,
  );
}
