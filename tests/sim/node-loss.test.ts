import { expect, test } from 'vitest';
import { SimCluster } from '@gantry/sim/cluster';
import type { Task } from '@gantry/model/task';
import { aSpec } from '../support/builders.ts';

/*
 * An example to read first: a whole cluster (two controllers, three hosts with the real agent) in one process, on a clock
 * that moves only when told to. Every promise of `packages/sim/src/laws.ts` and `watch.ts` is checked at every event.
 */
test('the tasks of a host that loses power run elsewhere seconds later, and it comes back clean', async () => {
  const cluster = new SimCluster({ seed: 2, hosts: 3, controllers: 2 });
  cluster.start();
  expect(await cluster.until(() => ready(cluster) === 3, 10_000)).toBe(true);

  cluster.apply('shop', [aSpec({ name: 'web', mode: { kind: 'replicated', replicas: 6 } })]);
  expect(await cluster.until(() => serving(cluster).length === 6, 10_000)).toBe(true);
  const lost = cluster.host('n1').running();
  expect(lost).toHaveLength(2);

  cluster.host('n1').powerOff();
  const before = cluster.world.age();
  expect(await cluster.until(() => serving(cluster).length === 6 && ready(cluster) === 2, 20_000)).toBe(true);
  // Five seconds of silence, and what it takes to place and to start.
  expect(cluster.world.age() - before).toBeLessThan(8_000);
  expect(serving(cluster).map(({ nodeId }) => nodeId)).not.toContain(cluster.host('n1').nodeId);

  cluster.host('n1').powerOn();
  expect(await cluster.until(() => cluster.watch.notAsWanted().length === 0, 30_000)).toBe(true);
  expect(cluster.host('n1').running(), 'what it had is not run again').toEqual([]);
});

/** Tasks whose container really runs, on a host that has power. */
function serving(cluster: SimCluster): readonly Task[] {
  const ran = new Set(cluster.hosts.filter(({ powered }) => powered).flatMap((host) => host.running()));
  return [...cluster.truth.view.all('task')].filter(({ id, status }) => status.ready && ran.has(id));
}

function ready(cluster: SimCluster): number {
  return [...cluster.truth.view.all('node')].filter(({ state }) => state === 'ready').length;
}
