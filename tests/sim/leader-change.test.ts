import { expect, test } from 'vitest';
import { SimCluster } from '@gantry/sim/cluster';
import { behaviours } from '@gantry/sim/behaviour';
import { isTerminal, type Task } from '@gantry/model/task';
import { aContainer, aSpec } from '../support/builders.ts';

/** What is known of a service stands in the store: a controller that takes over goes on where the last one was. */
const crashing = aSpec({
  name: 'web',
  mode: { kind: 'replicated', replicas: 1 },
  container: aContainer({ command: [...behaviours.crashes] }),
  restart: { condition: 'any', delayMs: 1_000, maxDelayMs: 5_000, maxAttempts: 3, windowMs: 3_600_000 },
});

/** A cluster with one crashing service; `made` holds every task that ever was, the oldest first. */
async function crashingCluster(
  spec = crashing,
): Promise<{ readonly cluster: SimCluster; readonly made: Map<string, Task> }> {
  const made = new Map<string, Task>();
  const cluster = new SimCluster({
    seed: 7,
    hosts: 2,
    controllers: 2,
    onChange: ({ after }) => {
      if (after?.kind === 'task') made.set(after.id, after);
    },
  });
  cluster.start();
  const ready = (): boolean =>
    [...cluster.truth.view.all('node')].filter(({ state }) => state === 'ready').length === 2;
  expect(await cluster.until(ready, 20_000)).toBe(true);
  cluster.apply('shop', [spec]);
  return { cluster, made };
}

/** The controller that leads dies, comes back as a standby, and the other one leads. */
async function changeLeader(cluster: SimCluster): Promise<void> {
  const former = cluster.leader();
  former?.crash();
  const other = (): boolean => cluster.leader() !== undefined && cluster.leader() !== former;
  expect(await cluster.until(other, 30_000)).toBe(true);
  former?.start();
}

function ended(cluster: SimCluster): readonly Task[] {
  return [...cluster.truth.view.all('task')].filter(({ status }) => isTerminal(status.state));
}

test('attempts are not begun anew when another controller leads', async () => {
  const { cluster, made } = await crashingCluster();
  for (const attempt of [1, 2, 3]) {
    expect(await cluster.until(() => made.size > attempt, 60_000), `attempt ${attempt}`).toBe(true);
    await changeLeader(cluster);
  }
  await cluster.pass(180_000);
  expect(made.size, 'the first task and three more').toBe(4);
  expect([...made.values()].map(({ status }) => status.state)).toEqual(Array(4).fill('failed'));
  const [service] = cluster.truth.view.all('service');
  expect(Object.values(service?.restarts ?? {}).map(({ count }) => count)).toEqual([3]);
});

test('the ended tasks of a slot are known to the next leader, and it keeps as many', async () => {
  const { cluster, made } = await crashingCluster({
    ...crashing,
    restart: { condition: 'any', delayMs: 1_000, maxDelayMs: 5_000, windowMs: 3_600_000 },
  });
  expect(await cluster.until(() => made.size > 4, 120_000)).toBe(true);
  const before = ended(cluster).map(({ id, status }) => [id, status.reason]);
  expect(before.length).toBeGreaterThanOrEqual(3);
  await changeLeader(cluster);
  const after = new Map(ended(cluster).map(({ id, status }) => [id, status.reason]));
  for (const [id, reason] of before.slice(-2)) expect(after.get(id!)).toBe(reason);
  await cluster.pass(600_000);
  expect(ended(cluster)).toHaveLength(3);
  expect(new Set(ended(cluster).map(({ slot }) => slot))).toEqual(new Set([1]));
});
