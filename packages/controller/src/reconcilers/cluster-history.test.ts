import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Behaviour, ClusterModel } from '../../../../tests/support/cluster-model.ts';
import { expectAsWanted, nodeIds, specOf, threeHosts } from '../../../../tests/support/small-cluster.ts';

const serviceIds = ['web', 'edge', 'each'];

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

test('comes to what is wanted after any history', () => {
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 25 }), (history) => {
      const cluster = threeHosts();
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
