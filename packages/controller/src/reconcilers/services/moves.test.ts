import { describe, expect, test } from 'vitest';
import { movesForMs } from '@gantry/model/moves';
import type { ServiceSpec } from '@gantry/model/service';
import { aContainer, aSpec } from '../../../../../tests/support/builders.ts';
import { ClusterModel } from '../../../../../tests/support/cluster-model.ts';
import { allocate } from '../allocate.ts';
import { nodeHealth } from '../node-health.ts';
import { reap } from '../reap.ts';
import { schedule } from '../schedule.ts';
import { services } from './services.ts';

const reconcilers = [nodeHealth, allocate, services, schedule, reap];

/** Two hosts that serve, and a third that has just come. */
function serving(more: Partial<ServiceSpec> = {}): ClusterModel {
  const cluster = new ClusterModel(reconcilers);
  for (const node of ['n1', 'n2']) cluster.addNode(node);
  cluster.apply('web', aSpec({ name: 'web', mode: { kind: 'replicated', replicas: 4 }, ...more }));
  cluster.pass(60_000);
  cluster.addNode('n3');
  cluster.settle();
  return cluster;
}

const hosts = (cluster: ClusterModel): readonly (string | undefined)[] =>
  cluster
    .serving('web')
    .map(({ nodeId }) => nodeId)
    .sort();

describe('tasks that should make way', () => {
  test('do so one after the other, each with its replacement ready first, and the others stay', () => {
    const cluster = serving();
    const [first, second, ...stay] = cluster.serving('web');
    cluster.move('web', [first?.id ?? '', second?.id ?? '']);
    let least = Infinity;
    for (let turn = 0; turn < 60; turn++) {
      cluster.decide();
      least = Math.min(least, cluster.serving('web').length);
      cluster.work();
      least = Math.min(least, cluster.serving('web').length);
    }
    cluster.pass(10_000);
    expect(least).toBe(4);
    const ids = cluster.serving('web').map(({ id }) => id);
    expect(ids).toHaveLength(4);
    for (const { id } of stay) expect(ids).toContain(id);
    expect(ids).not.toContain(first?.id);
    expect(hosts(cluster)).toContain('n3');
  });

  test('stay where they are if no host takes the replacement, and the move is given up after its time', () => {
    const cluster = serving({ container: aContainer({ reservations: { cpuMillis: 2_000 } }) });
    cluster.setNode('n3', { availability: 'pause' });
    const before = cluster.serving('web').map(({ id }) => id);
    cluster.move('web', before.slice(0, 1));
    cluster.pass(60_000);
    expect(cluster.serving('web').map(({ id }) => id)).toEqual(before);
    cluster.pass(movesForMs);
    expect(cluster.serving('web').map(({ id }) => id)).toEqual(before);
    expect(cluster.tasks('web').filter(({ desired, nodeId }) => desired === 'running' && !nodeId)).toEqual(
      [],
    );
  });

  test('that cannot be replaced first are left alone', () => {
    const ports = [{ target: 80, published: 8_080, protocol: 'tcp', mode: 'host' }] as const;
    const cluster = serving({ ports, mode: { kind: 'replicated', replicas: 2 } });
    const before = cluster.serving('web').map(({ id }) => id);
    cluster.move('web', before);
    cluster.pass(60_000);
    expect(cluster.serving('web').map(({ id }) => id)).toEqual(before);
  });
});
