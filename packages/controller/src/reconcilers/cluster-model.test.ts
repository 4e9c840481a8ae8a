import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServiceSpec } from '@gantry/model/service';
import { boundTo, isTerminal, mayBecome, type Task } from '@gantry/model/task';
import { defaultUpdate } from '@gantry/model/update';
import { aContainer, aSpec } from '../../../../tests/support/builders.ts';
import { ClusterModel, type Behaviour } from '../../../../tests/support/cluster-model.ts';
import type { Change, View } from '../store/store.ts';
import { allocate } from './allocate.ts';
import { nodeHealth } from './node-health.ts';
import { reap } from './reap.ts';
import { schedule } from './schedule.ts';
import { services } from './services/services.ts';

const reconcilers = [nodeHealth, allocate, services, schedule, reap];
const nodeIds = ['n1', 'n2', 'n3', 'n4', 'n5'];
const serviceIds = ['web', 'edge', 'each'];

/** `web` is plain, `edge` holds a host port (stop-first), `each` runs on every host. */
function specOf(id: string, replicas: number): ServiceSpec {
  return aSpec({
    name: id,
    mode: id === 'each' ? { kind: 'global' } : { kind: 'replicated', replicas },
    container: aContainer({ reservations: { cpuMillis: 100 } }),
    ports: id === 'edge' ? [{ target: 80, published: 8080, protocol: 'tcp', mode: 'host' }] : [],
  });
}

/** What must hold at every single change. */
function lawful(change: Change, view: View): void {
  if (change.kind !== 'task') return;
  const { before, after } = change;
  if (before && after) {
    expect(mayBecome(before.status.state, after.status.state), 'states only go forward').toBe(true);
    if (before.nodeId !== undefined) expect(after.nodeId, 'a task never moves').toBe(before.nodeId);
    if (before.desired !== 'running') expect(after.desired, 'nothing is wanted again').not.toBe('running');
  }
  if (!before && after) atMostOne(after, view);
  if (before && !after) {
    const node = view.get('node', before.nodeId ?? '');
    const over = isTerminal(before.status.state) || !node || node.state === 'down';
    expect(over, 'a record goes only when nothing of the task can be left').toBe(true);
  }
}

/** A place has one live task of a revision, but for one that a drain is moving away. */
function atMostOne(task: Task, view: View): void {
  const twins = [...view.tasksOfService(task.serviceId)].filter(
    (other) =>
      other.slot === task.slot &&
      (task.slot > 0 || boundTo(other) === boundTo(task)) &&
      other.revisionId === task.revisionId &&
      other.desired === 'running' &&
      !isTerminal(other.status.state),
  );
  const staying = twins.filter(({ nodeId }) => {
    const node = view.get('node', nodeId ?? '');
    return nodeId === undefined || (node && node.state !== 'down' && node.availability !== 'drain');
  });
  expect(staying.length, 'one task a place').toBeLessThanOrEqual(1);
}

type Action = (cluster: ClusterModel) => void;

const aNodeId = fc.constantFrom(...nodeIds);
const aServiceId = fc.constantFrom(...serviceIds);
const someReplicas = fc.nat({ max: 5 });

const actions: fc.Arbitrary<readonly [string, Action]> = fc.oneof(
  fc
    .tuple(aNodeId, fc.constantFrom('active', 'pause', 'drain' as const))
    .map(([id, availability]): [string, Action] => [
      `${availability} ${id}`,
      (c) => c.setNode(id, { availability }),
    ]),
  aNodeId.map((id): [string, Action] => [`kill ${id}`, (c) => c.view.get('node', id) && c.killNode(id)]),
  aNodeId.map((id): [string, Action] => [`cut off ${id}`, (c) => c.view.get('node', id) && c.cutOff(id)]),
  aNodeId.map((id): [string, Action] => [`revive ${id}`, (c) => c.reviveNode(id)]),
  aNodeId.map((id): [string, Action] => [
    `add ${id}`,
    (c) => {
      if (!c.view.get('node', id)) c.addNode(id);
    },
  ]),
  aNodeId.map((id): [string, Action] => [`rm ${id}`, (c) => c.removeNode(id)]),
  fc
    .tuple(aServiceId, someReplicas, fc.constantFrom<Behaviour>('serves', 'serves', 'crashes', 'completes'))
    .map(([id, n, behaviour]): [string, Action] => [
      `apply ${id} x${n} ${behaviour}`,
      (c) => {
        if (!c.view.get('service', id)?.removing) c.apply(id, specOf(id, n), behaviour);
      },
    ]),
  fc
    .tuple(fc.constantFrom('web', 'edge'), someReplicas)
    .map(([id, n]): [string, Action] => [`scale ${id} ${n}`, (c) => c.scale(id, n)]),
  aServiceId.map((id): [string, Action] => [`rm ${id}`, (c) => c.removeService(id)]),
  fc.tuple(aServiceId, fc.nat()).map(([id, pick]): [string, Action] => [
    `crash ${id}`,
    (c) => {
      const tasks = c.tasks(id);
      const task = tasks[pick % Math.max(1, tasks.length)];
      if (task) c.crash(task);
    },
  ]),
  fc.constant<[string, Action]>(['work', (c) => void c.work()]),
  fc.constant<[string, Action]>(['decide', (c) => void c.decide()]),
  fc.constantFrom(500, 6_000, 70_000).map((ms): [string, Action] => [`pass ${ms}`, (c) => c.pass(ms)]),
);

/** Hosts that take tasks. */
function fit(cluster: ClusterModel): number {
  return [...cluster.view.all('node')].filter(
    ({ state, availability }) => state === 'ready' && availability === 'active',
  ).length;
}

function expectAsWanted(cluster: ClusterModel): void {
  for (const service of cluster.view.all('service')) {
    const { mode } = service.spec;
    const wanted = mode.kind === 'global' ? fit(cluster) : mode.replicas;
    const possible = service.id === 'edge' ? Math.min(wanted, fit(cluster)) : wanted;
    const serving = cluster.serving(service.id);
    expect(serving.map(({ revisionId }) => revisionId)).toEqual(
      Array.from({ length: possible }, () => service.revisionId),
    );
    const places = serving.map(({ slot, nodeId }) => (slot === 0 ? nodeId : slot));
    expect(new Set(places).size).toBe(possible);
  }
  const wanted = [...cluster.view.all('service')].flatMap(({ id }) => cluster.serving(id).map((t) => t.id));
  expect([...cluster.containers.keys()].sort(), 'nothing else runs').toEqual(wanted.sort());
}

/** Three hosts and one service that serves. */
function serving(id: string, replicas: number): ClusterModel {
  const cluster = new ClusterModel(reconcilers, lawful);
  for (const node of nodeIds.slice(0, 3)) cluster.addNode(node);
  cluster.settle();
  cluster.apply(id, specOf(id, replicas));
  // Long enough for every watch and window to be over.
  cluster.pass(700_000);
  expect(cluster.serving(id)).toHaveLength(id === 'each' ? 3 : replicas);
  return cluster;
}

const idsOf = (tasks: readonly Task[]): readonly string[] => tasks.map(({ id }) => id).sort();
const hostsOf = (tasks: readonly Task[]): readonly string[] => tasks.map(({ nodeId }) => nodeId ?? '').sort();

describe('a cluster in memory', () => {
  test('spreads a service over the hosts', () => {
    expect(hostsOf(serving('web', 3).serving('web'))).toEqual(['n1', 'n2', 'n3']);
  });

  test('replaces a crashed task without letting time pass', () => {
    const cluster = serving('web', 3);
    const [victim, ...others] = cluster.serving('web');
    cluster.crash(victim!);
    cluster.settle();
    const after = cluster.serving('web');
    expect(after).toHaveLength(3);
    expect(idsOf(after)).toEqual(expect.arrayContaining([...idsOf(others)]));
    expect(idsOf(after)).not.toContain(victim!.id);
  });

  test('backs off from a task that crashes again and again, and forgets it after the window', () => {
    const cluster = serving('web', 1);
    const starts: number[] = [];
    const began = cluster.now;
    for (let crashes = 0; crashes < 5; crashes++) {
      cluster.crash(cluster.serving('web')[0]!);
      while (cluster.serving('web').length === 0) cluster.pass(100);
      starts.push(Math.round((cluster.now - began) / 100) * 100);
    }
    const waits = starts.map((at, index) => at - (starts[index - 1] ?? 0));
    // At once, then 1 s doubling; each wait is seen up to a step late.
    [0, 1_000, 2_000, 4_000, 8_000].forEach((wait, index) => {
      expect(waits[index]).toBeGreaterThanOrEqual(wait);
      expect(waits[index]).toBeLessThanOrEqual(wait + 100);
    });
    cluster.pass(600_000);
    cluster.crash(cluster.serving('web')[0]!);
    cluster.settle();
    expect(cluster.serving('web')).toHaveLength(1);
  });

  test('moves the tasks of a lost host after the silence, and stops its old copies when it is back', () => {
    const cluster = serving('web', 3);
    cluster.cutOff('n2');
    cluster.pass(4_900);
    expect(hostsOf(cluster.serving('web'))).toEqual(['n1', 'n2', 'n3']);
    cluster.pass(200);
    expect(cluster.view.get('node', 'n2')?.state).toBe('down');
    const moved = cluster.serving('web');
    expect(hostsOf(moved)).not.toContain('n2');
    expect(moved).toHaveLength(3);
    expect(cluster.containers.size, 'the copy on the lost host still runs').toBe(4);
    cluster.reviveNode('n2');
    cluster.settle();
    expect(idsOf(cluster.serving('web')), 'the replacements stay').toEqual(idsOf(moved));
    expect(cluster.containers.size).toBe(3);
  });

  test('moves nothing while most hosts are silent at once', () => {
    const cluster = serving('web', 3);
    cluster.cutOff('n1');
    cluster.cutOff('n2');
    cluster.pass(600_000);
    expect([...cluster.view.all('node')].map(({ state }) => state)).toEqual(['unknown', 'unknown', 'ready']);
    expect(cluster.view.get('node', 'n1')?.stateReason).toContain('2 of 3 hosts');
    expect(cluster.serving('web')).toHaveLength(3);
  });

  test('moves on when a second host dies long after the first', () => {
    const cluster = serving('web', 3);
    cluster.killNode('n1');
    cluster.pass(120_000);
    cluster.killNode('n2');
    cluster.pass(6_000);
    expect(hostsOf(cluster.serving('web'))).toEqual(['n3', 'n3', 'n3']);
  });

  test('drains a host without a gap, also with one replica', () => {
    const cluster = serving('web', 1);
    const host = cluster.serving('web')[0]!.nodeId!;
    cluster.setNode(host, { availability: 'drain' });
    for (let steps = 0; steps < 50; steps++) {
      cluster.decide();
      expect(cluster.serving('web').length).toBeGreaterThanOrEqual(1);
      cluster.work();
    }
    expect(hostsOf(cluster.serving('web'))).not.toContain(host);
    expect(cluster.containers.size).toBe(1);
  });

  test('an update replaces every task and never serves with fewer', () => {
    const cluster = serving('web', 3);
    const before = idsOf(cluster.serving('web'));
    cluster.apply('web', specOf('web', 3));
    for (let steps = 0; steps < 400; steps++) {
      cluster.decide();
      expect(cluster.serving('web').length).toBeGreaterThanOrEqual(3);
      expect(cluster.serving('web').length).toBeLessThanOrEqual(4);
      cluster.work();
      cluster.pass(100);
    }
    expect(idsOf(cluster.serving('web')).filter((id) => before.includes(id))).toEqual([]);
    expect(cluster.containers.size).toBe(3);
  });

  test('a broken update costs no task, and the next one goes through', () => {
    const cluster = serving('web', 3);
    const before = idsOf(cluster.serving('web'));
    cluster.apply('web', specOf('web', 3), 'crashes');
    for (let steps = 0; steps < 60; steps++) {
      cluster.pass(10_000);
      expect(idsOf(cluster.serving('web'))).toEqual(before);
    }
    cluster.apply('web', specOf('web', 3));
    cluster.pass(120_000);
    expectAsWanted(cluster);
  });

  test('a broken update of a service with host ports costs one task for a moment, or for ever if it is to go on', () => {
    const cluster = serving('edge', 3);
    cluster.apply('edge', specOf('edge', 3), 'crashes');
    cluster.pass(600_000);
    expect(cluster.serving('edge')).toHaveLength(3);
    const update = { ...defaultUpdate, failureAction: 'continue' } as const;
    cluster.apply('edge', { ...specOf('edge', 3), update }, 'crashes');
    cluster.pass(600_000);
    expect(cluster.serving('edge')).toHaveLength(2);
    cluster.apply('edge', specOf('edge', 3));
    cluster.pass(120_000);
    expectAsWanted(cluster);
  });

  test('an update to a place that does not exist costs nothing', () => {
    const cluster = serving('web', 3);
    const before = idsOf(cluster.serving('web'));
    cluster.apply('web', { ...specOf('web', 3), constraints: ['node.labels.disk==none'] });
    cluster.pass(600_000);
    expect(idsOf(cluster.serving('web'))).toEqual(before);
  });

  test('an update of a service that fills its hosts goes one after another', () => {
    const big = (cpuMillis: number): ServiceSpec => ({
      ...specOf('web', 3),
      container: aContainer({ reservations: { cpuMillis } }),
    });
    const cluster = serving('web', 3);
    cluster.apply('web', big(3_000));
    cluster.pass(120_000);
    expectAsWanted(cluster);
    cluster.apply('web', big(2_900));
    for (let steps = 0; steps < 600; steps++) {
      cluster.decide();
      expect(cluster.serving('web').length).toBeGreaterThanOrEqual(2);
      cluster.work();
      cluster.pass(100);
    }
    expectAsWanted(cluster);
  });

  test('an update with host ports goes through with more replicas than hosts', () => {
    const cluster = serving('edge', 3);
    cluster.scale('edge', 5);
    cluster.settle();
    expect(cluster.serving('edge')).toHaveLength(3);
    const waiting = cluster.tasks('edge').filter(({ nodeId }) => nodeId === undefined);
    expect(waiting[0]?.status.reason).toContain('n1, n2, n3: host port 8080/tcp is taken');
    cluster.apply('edge', specOf('edge', 5));
    cluster.pass(120_000);
    expectAsWanted(cluster);
  });

  test('a global service follows the hosts', () => {
    const cluster = serving('each', 0);
    cluster.addNode('n4');
    cluster.settle();
    expect(hostsOf(cluster.serving('each'))).toEqual(['n1', 'n2', 'n3', 'n4']);
    cluster.setNode('n4', { availability: 'pause' });
    cluster.settle();
    expect(cluster.serving('each'), 'a cordon takes nothing away').toHaveLength(4);
    cluster.crash(cluster.serving('each').find(({ nodeId }) => nodeId === 'n4')!);
    cluster.settle();
    expect(hostsOf(cluster.serving('each')), 'and lets nothing in').toEqual(['n1', 'n2', 'n3']);
    cluster.setNode('n4', { availability: 'active' });
    cluster.settle();
    expect(cluster.serving('each')).toHaveLength(4);
    cluster.removeNode('n4');
    cluster.settle();
    expect(hostsOf(cluster.serving('each'))).toEqual(['n1', 'n2', 'n3']);
    expect(cluster.tasks('each').filter(({ nodeId }) => nodeId === 'n4')).toEqual([]);
  });

  test('a removed service leaves nothing, also with a host down', () => {
    const cluster = serving('web', 3);
    cluster.killNode('n1');
    cluster.pass(6_000);
    cluster.removeService('web');
    cluster.settle();
    expect(['service', 'task', 'revision'].map((kind) => cluster.view.count(kind as 'task'))).toEqual([
      0, 0, 0,
    ]);
    expect(cluster.containers.size).toBe(0);
  });

  test('a task that completes is not run again when only failures are', () => {
    const cluster = new ClusterModel(reconcilers, lawful);
    cluster.addNode('n1');
    const spec = specOf('web', 1);
    cluster.apply('web', { ...spec, restart: { ...spec.restart, condition: 'on-failure' } }, 'completes');
    cluster.pass(600_000);
    expect(cluster.tasks('web').map(({ status }) => status.state)).toEqual(['complete']);
  });

  test('gives up after the attempts that are allowed', () => {
    const cluster = new ClusterModel(reconcilers, lawful);
    cluster.addNode('n1');
    const spec = specOf('web', 1);
    let made = 0;
    cluster.apply('web', { ...spec, restart: { ...spec.restart, maxAttempts: 2 } }, 'crashes');
    const seen = new Set<string>();
    for (let steps = 0; steps < 100; steps++) {
      cluster.pass(1_000);
      for (const { id } of cluster.tasks('web')) if (!seen.has(id)) made = seen.add(id).size;
    }
    expect(made).toBe(3);
  });

  test('keeps the last ended tasks of a slot and no more', () => {
    const cluster = serving('web', 1);
    for (let crashes = 0; crashes < 6; crashes++) {
      cluster.crash(cluster.serving('web')[0]!);
      cluster.pass(60_000);
    }
    expect(cluster.tasks('web').filter(({ status }) => isTerminal(status.state))).toHaveLength(3);
  });

  test('comes to what is wanted after any history', () => {
    fc.assert(
      fc.property(fc.array(actions, { maxLength: 25 }), (history) => {
        const cluster = new ClusterModel(reconcilers, lawful);
        for (const id of nodeIds.slice(0, 3)) cluster.addNode(id);
        cluster.pass(0);
        for (const [, act] of history) act(cluster);
        // Peace: every host is there and takes tasks, every service serves.
        for (const id of nodeIds.slice(0, 3)) if (!cluster.view.get('node', id)) cluster.addNode(id);
        for (const { id } of [...cluster.view.all('node')]) {
          cluster.reviveNode(id);
          cluster.setNode(id, { availability: 'active' });
        }
        for (const { id, spec, removing } of [...cluster.view.all('service')]) {
          if (!removing) cluster.apply(id, spec);
        }
        cluster.pass(300_000);
        expect([...cluster.view.all('service')].filter(({ removing }) => removing)).toEqual([]);
        expectAsWanted(cluster);
      }),
      { numRuns: 150 },
    );
  });
});
