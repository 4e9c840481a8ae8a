import { expect, test } from 'vitest';
import { defaultPlacement, type Placement } from '@gantry/model/placement';
import type { ServiceSpec } from '@gantry/model/service';
import { aContainer, aSpec } from '../../../../tests/support/builders.ts';
import { ClusterModel } from '../../../../tests/support/cluster-model.ts';
import { reconcilers } from '../term.ts';

function spec(name: string, replicas: number, cpuMillis: number, placement: Partial<Placement>): ServiceSpec {
  return aSpec({
    name,
    mode: { kind: 'replicated', replicas },
    container: aContainer({ reservations: { cpuMillis } }),
    placement: { ...defaultPlacement, ...placement },
  });
}

test('what makes way is stopped, replaced last, says why, and comes back when there is room', () => {
  let least = Infinity;
  const cluster = new ClusterModel(reconcilers, (change, view) => {
    if (change.kind !== 'task' || view.get('service', 'batch') === undefined) return;
    const going = [...view.tasksOfService('batch')].filter(
      ({ makesWay, status }) => makesWay !== undefined && status.state === 'running',
    );
    least = Math.min(least, 3 - going.length);
  });
  for (const id of ['n1', 'n2', 'n3']) cluster.addNode(id);
  cluster.apply('batch', spec('batch', 3, 3_000, { preempt: 'yields' }));
  cluster.pass(10_000);
  expect(cluster.serving('batch')).toHaveLength(3);
  cluster.apply('db', spec('db', 2, 3_000, { priority: 10, preempt: 'takes' }));
  cluster.pass(120_000);
  // Its update may change one at once: while one is missing no other is stopped.
  expect(cluster.serving('db')).toHaveLength(1);
  expect(cluster.serving('batch')).toHaveLength(2);
  expect(least).toBe(2);
  const victim = cluster.tasks('batch').find(({ makesWay }) => makesWay !== undefined);
  expect(victim?.makesWay).toBe('made way for shop/db.1, whose priority is 10 and not 0');
  expect(victim?.status.state).toBe('shutdown');
  cluster.addNode('n4');
  cluster.pass(120_000);
  expect([cluster.serving('db').length, cluster.serving('batch').length]).toEqual([2, 2]);
  cluster.addNode('n5');
  cluster.pass(120_000);
  expect([cluster.serving('db').length, cluster.serving('batch').length]).toEqual([2, 3]);
});

test('one that makes way while its service goes over to a new revision is gone before another takes its place', () => {
  const cluster = new ClusterModel(reconcilers);
  for (const id of ['n1', 'n2']) cluster.addNode(id);
  cluster.apply('batch', spec('batch', 1, 1_000, { preempt: 'yields' }));
  cluster.pass(10_000);
  const [victim] = cluster.serving('batch');
  const told = { ...victim!, makesWay: 'made way for another', version: ++cluster.view.revision };
  cluster.view.apply('task', told.id, told);
  cluster.apply('batch', spec('batch', 1, 1_000, { preempt: 'yields' }));
  cluster.decide();
  expect(cluster.tasks('batch').map(({ id, desired }) => [id, desired])).toEqual([[told.id, 'shutdown']]);
  cluster.pass(60_000);
  expect(cluster.serving('batch')).toHaveLength(1);
});
