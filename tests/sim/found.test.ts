import { describe, expect, test } from 'vitest';
import { behaviours } from '@gantry/sim/behaviour';
import { SimCluster, type ClusterOptions } from '@gantry/sim/cluster';
import type { ServiceSpec } from '@gantry/model/service';
import { aContainer, aSpec } from '../support/builders.ts';

/* What random histories have found, each as a scenario of its own. Dice differ from seed to seed; promises do not. */

const chance = { lostAnswers: 0, doubles: 0, full: 0.05 };

async function started(options: Partial<ClusterOptions> & { readonly seed: number }): Promise<SimCluster> {
  const cluster = new SimCluster({ hosts: 2, controllers: 1, faults: chance, ...options });
  cluster.start();
  const ready = (): boolean =>
    [...cluster.truth.view.all('node')].filter(({ state }) => state === 'ready').length ===
    cluster.hosts.length;
  expect(await cluster.until(ready, 20_000)).toBe(true);
  return cluster;
}

function web(replicas: number, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return aSpec({ name: 'web', mode: { kind: 'replicated', replicas }, ...more });
}

async function comesToRest(cluster: SimCluster): Promise<void> {
  await cluster.until(() => cluster.watch.notAsWanted().length === 0, 120_000, 1_000);
  expect(cluster.watch.notAsWanted()).toEqual([]);
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

test('an agent that dies at any point starts no container twice and stops none that it cannot place', async () => {
  for (const point of range(60)) {
    const cluster = await started({ seed: point, hosts: 1 });
    cluster.host('n1').agent?.crashAfter(point + 1);
    cluster.apply('shop', [web(3)]);
    await comesToRest(cluster);
  }
});

test('a host that boots while tasks are placed on it clears away only what is left of old ones', async () => {
  for (const seed of range(40)) {
    const cluster = await started({ seed });
    cluster.apply('shop', [web(8)]);
    await cluster.pass(2_000);
    cluster.host('n1').powerOff();
    await cluster.pass(500);
    cluster.host('n1').powerOn();
    await comesToRest(cluster);
  }
});

test('a container that ends while its agent begins is heard of', async () => {
  for (const seed of range(10)) {
    const cluster = await started({ seed, hosts: 1 });
    cluster.apply('shop', [web(2)]);
    await cluster.pass(2_000);
    await comesToRest(cluster);
    const host = cluster.host('n1');
    const [records, clock] = [host.disk.records.bind(host.disk), cluster.world.clock];
    host.disk.records = () => new Promise((resolve) => clock.after(4_000, () => resolve(records())));
    host.crashAgent();
    host.startAgent();
    await cluster.pass(3_900);
    const [id] = host.running();
    host.containers.end(id!, { exitCode: 1, oom: false, at: clock.now() });
    await comesToRest(cluster);
  }
});

test('what was said of an end stands, also if its host loses power before it is kept', async () => {
  for (const seed of range(40)) {
    const cluster = await started({ seed, hosts: 1 });
    cluster.apply('shop', [web(2)]);
    await cluster.pass(3_000);
    const host = cluster.host('n1');
    const [id] = host.running();
    host.containers.end(id!, { exitCode: 7, oom: false, at: cluster.world.clock.now() });
    await cluster.pass(seed);
    const said = cluster.truth.view.get('task', id!)?.status;
    host.powerOff();
    host.powerOn();
    await cluster.pass(2_000);
    if (said?.exitCode === 7) expect(cluster.truth.view.get('task', id!)?.status).toEqual(said);
    await comesToRest(cluster);
  }
});

test('what must never run twice moves stop-first also while an update away from that is held', async () => {
  for (const seed of range(4)) {
    const cluster = await started({ seed });
    cluster.apply('shop', [web(1, { availability: 'prefer-one' })]);
    await cluster.pass(10_000);
    await comesToRest(cluster);
    cluster.apply('shop', [web(1, { availability: 'prefer-available' })]);
    cluster.ask('hold', { names: ['shop/web'], paused: true });
    await cluster.pass(1_000);
    const host = cluster.hosts.find((one) => one.running().length > 0)!;
    cluster.setAvailability(host, 'drain');
    expect(await cluster.until(() => host.running().length === 0, 30_000)).toBe(true);
    cluster.ask('hold', { names: ['shop/web'], paused: false });
    await comesToRest(cluster);
  }
});

test('a place that goes back to a host port is not filled before its other task has gone', async () => {
  const port = { target: 80, published: 8_080, protocol: 'tcp', mode: 'host' } as const;
  for (const seed of range(4)) {
    const cluster = await started({ seed, hosts: 4 });
    cluster.apply('shop', [web(4, { ports: [port] })]);
    await cluster.pass(2_000);
    cluster.apply('shop', [web(4)]);
    const tasks = () => [...cluster.truth.view.all('task')].filter(({ status }) => status.ready);
    expect(await cluster.until(() => tasks().length === 5, 2_000, 10), 'one has come first').toBe(true);
    const [slot] = tasks().flatMap((a) =>
      tasks().flatMap((b) => (a.id < b.id && a.slot === b.slot ? a.slot : [])),
    );
    const [old] = tasks()
      .filter((task) => task.slot === slot)
      .sort((a, b) => a.createdAt - b.createdAt);
    cluster.ask('rollback', { name: 'shop/web' });
    await cluster.pass(20);
    const host = cluster.hosts.find(({ nodeId }) => nodeId === old?.nodeId);
    host!.containers.end(old!.id, { exitCode: 1, oom: false, at: cluster.world.clock.now() });
    await cluster.pass(2_000);
    await comesToRest(cluster);
  }
});

test('a controller that did not hear that it won the lead does not wait for itself for ever', async () => {
  const cluster = new SimCluster({ seed: 3, hosts: 1, controllers: 1, faults: { lostAnswers: 1 } });
  cluster.start();
  await cluster.pass(3_000);
  expect(cluster.leader(), 'it was told nothing').toBe(undefined);
  cluster.faults.lostAnswers = 0;
  expect(await cluster.until(() => cluster.leader() !== undefined, 20_000)).toBe(true);
});

test('two users who create the same service at once make one service', async () => {
  for (const seed of range(10)) {
    const cluster = await started({ seed });
    expect(await cluster.until(() => cluster.leader() !== undefined, 10_000)).toBe(true);
    cluster.apply('shop', [web(1)]);
    cluster.apply('shop', [web(2)]);
    await cluster.pass(1_000);
    await comesToRest(cluster);
    expect(cluster.truth.view.count('service')).toBe(1);
  }
});

test('a task whose port is still held by one that just ended waits for it, and leaves nothing behind', async () => {
  for (const seed of range(20)) {
    const cluster = await started({ seed });
    const ports = [{ target: 80, published: 8_080, protocol: 'tcp', mode: 'host' }] as const;
    const crashing = aContainer({ command: [...behaviours.crashes] });
    cluster.apply('shop', [web(2, { ports, container: crashing })]);
    await cluster.pass(8_000);
    cluster.apply('shop', [web(2, { ports })]);
    await comesToRest(cluster);
  }
});

describe('a controller that was cut off from etcd', () => {
  /** The leader is cut off from etcd, not from the hosts; another leads and changes what runs. Answers what was broken. */
  async function cutOff(seed: number, without: ClusterOptions['without']): Promise<string | undefined> {
    const cluster = await started({ seed, hosts: 3, controllers: 2, ...(without && { without }) });
    cluster.apply('shop', [web(3)]);
    await cluster.pass(3_000);
    const old = cluster.leader()?.name ?? '';
    cluster.wire.cut(old, 'etcd');
    cluster.wire.cut('etcd', old);
    try {
      await cluster.pass(12_000);
      const now = cluster.controllers.find(({ name }) => name !== old);
      expect(now?.doors, 'another leads').toBeDefined();
      // A new task, and a host that looks for a controller anew.
      for (const name of ['n1', 'n2', 'n3']) {
        for (const id of cluster.host(name).running())
          cluster.host(name).containers.end(id, { exitCode: 1, oom: false, at: cluster.world.clock.now() });
        await cluster.pass(2_000);
        cluster.wire.reset(name);
        await cluster.pass(1_500);
      }
    } catch (error) {
      return String(error);
    }
    cluster.wire.healAll();
    await comesToRest(cluster);
    return undefined;
  }

  test('gives hosts no orders', async () => {
    for (const seed of range(8)) expect(await cutOff(seed, undefined)).toBe(undefined);
  });

  test('and that thinks that it leads, because its clock stood still, takes in no host', async () => {
    for (const seed of range(8)) expect(await cutOff(seed, ['lease at the doors'])).toBe(undefined);
  });

  test('would stop what it does not know (seen with both protections left out)', async () => {
    const without = ['lease at the doors', 'fenced read'] as const;
    const broken = await Promise.all(range(8).map((seed) => cutOff(seed, without)));
    expect(broken.filter((words) => words !== undefined)).not.toEqual([]);
  });
});

describe('a controller that wins the lead with an old view', () => {
  /** The leader starts tasks and dies, while what etcd tells of changes is late. Answers what was broken. */
  async function late(seed: number, without: ClusterOptions['without']): Promise<string | undefined> {
    const cluster = await started({ seed, hosts: 3, controllers: 2, ...(without && { without }) });
    cluster.apply('shop', [web(6)]);
    try {
      await cluster.pass(3_000);
      const first = cluster.leader();
      cluster.faults.watchLag = 5_500;
      for (const id of cluster.host('n1').running())
        cluster.host('n1').containers.end(id, { exitCode: 1, oom: false, at: cluster.world.clock.now() });
      await cluster.pass(20_000);
      first?.crash();
      await cluster.pass(9_000);
      cluster.faults.watchLag = 0;
      first?.start();
      await comesToRest(cluster);
    } catch (error) {
      return String(error);
    }
    return undefined;
  }

  test('says nothing before it has seen everything', async () => {
    for (const seed of range(8)) expect(await late(seed, undefined)).toBe(undefined);
  });
});
