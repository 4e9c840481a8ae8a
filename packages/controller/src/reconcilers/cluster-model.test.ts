import { describe, expect, test } from 'vitest';
import type { ServiceSpec } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { defaultUpdate } from '@gantry/model/update';
import { aContainer } from '../../../../tests/support/builders.ts';
import { emptyCluster, expectAsWanted, serving, specOf } from '../../../../tests/support/small-cluster.ts';

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
    const cluster = emptyCluster();
    cluster.addNode('n1');
    const spec = specOf('web', 1);
    cluster.apply('web', { ...spec, restart: { ...spec.restart, condition: 'on-failure' } }, 'completes');
    cluster.pass(600_000);
    expect(cluster.tasks('web').map(({ status }) => status.state)).toEqual(['complete']);
  });

  test('gives up after the attempts that are allowed', () => {
    const cluster = emptyCluster();
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
});
