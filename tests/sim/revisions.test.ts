import { expect, test } from 'vitest';
import { SimCluster } from '@gantry/sim/cluster';
import type { ServiceSpec } from '@gantry/model/service';
import { aContainer, aSpec } from '../support/builders.ts';

/* What is promised of revisions and of hosts that are emptied, with the controller and the agents as they are. */

const web = (replicas: number, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  aSpec({ name: 'web', mode: { kind: 'replicated', replicas }, ...more });

async function serving(spec: ServiceSpec, controllers = 1): Promise<SimCluster> {
  const cluster = new SimCluster({ seed: 5, hosts: 3, controllers });
  cluster.start();
  const ready = (): boolean =>
    [...cluster.truth.view.all('node')].filter(({ state }) => state === 'ready').length === 3;
  expect(await cluster.until(ready, 20_000)).toBe(true);
  cluster.apply('shop', [spec]);
  await cluster.pass(10_000);
  return cluster;
}

function ready(cluster: SimCluster): readonly string[] {
  const tasks = [...cluster.truth.view.all('task')];
  return tasks
    .filter(({ status }) => status.ready)
    .map(({ id }) => id)
    .sort();
}

function revisions(cluster: SimCluster): readonly number[] {
  return [...cluster.truth.view.all('revision')].map(({ number }) => number).sort((a, b) => a - b);
}

test('labels and the number of replicas restart nothing, and are no revision', async () => {
  const cluster = await serving(web(2));
  const before = ready(cluster);
  cluster.apply('shop', [web(3, { labels: { team: 'blue' } })]);
  await cluster.pass(10_000);
  expect(ready(cluster)).toHaveLength(3);
  expect(ready(cluster)).toEqual(expect.arrayContaining([...before]));
  expect(revisions(cluster)).toEqual([1]);
  expect([...cluster.truth.view.all('service')][0]?.spec.labels).toEqual({ team: 'blue' });
});

test('the last ten revisions are kept, and each of them can be gone back to', async () => {
  const version = (number: number): ServiceSpec =>
    web(1, { container: aContainer({ env: { VERSION: String(number) } }) });
  const cluster = await serving(version(1));
  for (let number = 2; number <= 13; number++) {
    cluster.apply('shop', [version(number)]);
    await cluster.pass(20_000);
  }
  expect(revisions(cluster)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  const refused: unknown[] = [];
  cluster.ask('rollback', { name: 'shop/web', to: 3 }, (error) => refused.push(error));
  cluster.ask('rollback', { name: 'shop/web', to: 4 }, (error) => refused.push(error));
  await cluster.pass(20_000);
  expect(refused).toMatchObject([{ details: 'shop/web has no revision 3' }]);
  const [id] = ready(cluster);
  const task = cluster.truth.view.get('task', id ?? '');
  expect(cluster.truth.view.get('revision', task?.revisionId ?? '')).toMatchObject({
    number: 4,
    container: { env: { VERSION: '4' } },
  });
});

test.each([1, 4])(
  'a drain of %i replicas goes on under the next leader, and none is missing meanwhile',
  async (replicas) => {
    const cluster = await serving(web(replicas), 2);
    const host = cluster.hosts.find((one) => one.running().length > 0)!;
    let least = Infinity;
    const watched = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 20) {
        await cluster.pass(20);
        least = Math.min(least, ready(cluster).length);
      }
    };
    cluster.setAvailability(host, 'drain');
    await watched(20);
    expect(host.running(), 'it has begun, and is not done').not.toEqual([]);
    const former = cluster.leader();
    former?.crash();
    await watched(15_000);
    expect(cluster.leader()).not.toBe(former);
    expect(host.running()).toEqual([]);
    expect(ready(cluster)).toHaveLength(replicas);
    expect(least).toBe(replicas);
  },
);

test('a drain moves no more tasks of a service at once than its update may change', async () => {
  const cluster = await serving(web(9));
  const host = cluster.hosts[0]!;
  const held = host.running().length;
  expect(held).toBe(3);
  cluster.setAvailability(host, 'drain');
  for (let passed = 0; passed < 20_000 && host.running().length > 0; passed += 5) {
    await cluster.pass(5);
    const live = [...cluster.truth.view.all('task')].filter(({ desired }) => desired === 'running');
    expect(live.length, 'nine, and the one that comes').toBeLessThanOrEqual(10);
  }
  expect(host.running()).toEqual([]);
});
