import { describe, expect, test } from 'vitest';
import { SimCluster } from '@gantry/sim/cluster';
import type { SimHost } from '@gantry/sim/host';
import { defaultFenceMs, surelyStoppedAfterMs } from '@gantry/model/fence';
import { aContainer, aSpec } from '../support/builders.ts';
import { behaviours } from '@gantry/sim/behaviour';

/*
 * `availability: prefer-one`: at no instant two tasks of a place run. Intervals are measured from outside, in virtual time, and the
 * watch of the simulator looks at every start.
 */
interface Interval {
  readonly task: string;
  readonly host: string;
  readonly from: number;
  to: number;
}

const db = aSpec({
  name: 'db',
  mode: { kind: 'replicated', replicas: 1 },
  container: aContainer({ command: [...behaviours.stubborn], stopGraceMs: 10_000 }),
  availability: 'prefer-one',
});

/** When each task's container ran, looked at every 20 ms of `ms`. */
async function measured(cluster: SimCluster, ms: number, seen: Map<string, Interval>): Promise<void> {
  for (let passed = 0; passed < ms; passed += 20) {
    for (const host of cluster.hosts) {
      for (const task of host.running()) {
        const at = cluster.world.age();
        const known = seen.get(task);
        if (known) known.to = at;
        else seen.set(task, { task, host: host.name, from: at, to: at });
      }
    }
    await cluster.pass(20);
  }
}

function cutOff(cluster: SimCluster, host: SimHost): void {
  for (const { name } of cluster.controllers) {
    cluster.wire.cut(name, host.name);
    cluster.wire.cut(host.name, name);
  }
}

async function running(seed: number): Promise<readonly [SimCluster, SimHost]> {
  const cluster = new SimCluster({ seed, hosts: 3, controllers: 2 });
  cluster.start();
  const ready = (): boolean =>
    [...cluster.truth.view.all('node')].filter(({ state }) => state === 'ready').length === 3;
  expect(await cluster.until(ready, 20_000)).toBe(true);
  cluster.apply('shop', [db]);
  const found = (): SimHost | undefined => cluster.hosts.find((host) => host.running().length > 0);
  expect(await cluster.until(() => found() !== undefined, 20_000)).toBe(true);
  return [cluster, found()!];
}

/** What befalls the host that runs it, or the controller meanwhile. */
const ways: readonly (readonly [what: string, happen: (cluster: SimCluster, host: SimHost) => void])[] = [
  ['its host is cut off', cutOff],
  [
    'its host is cut off, and the leader dies then',
    (cluster, host) => {
      cutOff(cluster, host);
      cluster.world.clock.after(20_000, () => cluster.leader()?.crash());
    },
  ],
  [
    'its host is cut off, and every controller is started anew just before the time is over',
    (cluster, host) => {
      cutOff(cluster, host);
      cluster.world.clock.after(40_000, () => {
        for (const controller of cluster.controllers) controller.crash();
        for (const controller of cluster.controllers) controller.start();
      });
    },
  ],
  [
    'its host is cut off, and its agent dies and comes back again and again',
    (cluster, host) => {
      cutOff(cluster, host);
      for (const at of [3_000, 12_000, 29_500])
        cluster.world.clock.after(at, () => {
          host.crashAgent();
          host.startAgent();
        });
    },
  ],
  ['its agent stands still', (_cluster, host) => host.agent?.freeze(120_000)],
  ['its agent is dead and stays dead', (_cluster, host) => host.crashAgent()],
  ['its host hears, and is not heard', (cluster, host) => cluster.controllers.forEach(({ name }) => cluster.wire.cut(host.name, name))],
  ['its host is heard, and does not hear', (cluster, host) => cluster.controllers.forEach(({ name }) => cluster.wire.cut(name, host.name))],
  [
    'its host is cut off and heard again just when it is too late',
    (cluster, host) => {
      cutOff(cluster, host);
      cluster.world.clock.after(surelyStoppedAfterMs(defaultFenceMs, 10_000) - 2_000, () => cluster.wire.healAll());
    },
  ],
]; // prettier-ignore

describe('of a task that must not run twice', () => {
  test.each(ways)('no two run at once when %s', async (_what, happen) => {
    for (let seed = 0; seed < 4; seed++) {
      const [cluster, host] = await running(seed);
      const seen = new Map<string, Interval>();
      await measured(cluster, 1_000 + seed * 300, seen);
      happen(cluster, host);
      await measured(cluster, 100_000, seen);
      const runs = [...seen.values()].sort((a, b) => a.from - b.from);
      expect(runs.length, 'another was started').toBeGreaterThanOrEqual(2);
      for (const [index, { to }] of runs.entries()) {
        const next = runs[index + 1];
        if (next) expect(next.from, JSON.stringify(runs)).toBeGreaterThan(to);
      }
      cluster.wire.healAll();
      for (const controller of cluster.controllers) controller.start();
      host.startAgent();
      expect(await cluster.until(() => cluster.watch.notAsWanted().length === 0, 120_000, 1_000)).toBe(true);
    }
  });

  test('its host stops it a while after the last word, and another starts only after that', async () => {
    const [cluster, host] = await running(7);
    const seen = new Map<string, Interval>();
    cutOff(cluster, host);
    const cutAt = cluster.world.age();
    await measured(cluster, 100_000, seen);
    const [first, second] = [...seen.values()];
    // It was acknowledged at most a heartbeat (1 s) before the cut, and heeds no signal for its grace of 10 s.
    expect(first!.to - cutAt).toBeGreaterThan(38_500);
    expect(first!.to - cutAt).toBeLessThan(40_100);
    expect(second!.from - cutAt).toBeGreaterThan(surelyStoppedAfterMs(defaultFenceMs, 10_000) - 1_200);
    expect(second!.from - cutAt).toBeLessThan(50_000);
  });

  test('a restart of the controller stops nothing', async () => {
    const [cluster, host] = await running(3);
    const before = host.running();
    for (let round = 0; round < 3; round++) {
      for (const controller of cluster.controllers) controller.crash();
      await cluster.pass(8_000);
      for (const controller of cluster.controllers) controller.start();
      await cluster.pass(15_000);
    }
    expect(host.running()).toEqual(before);
  });

  test('when it is replaced by another revision, the old one is gone first', async () => {
    const [cluster] = await running(5);
    const seen = new Map<string, Interval>();
    cluster.apply('shop', [{ ...db, container: { ...db.container, env: { VERSION: '2' } } }]);
    await measured(cluster, 40_000, seen);
    const [first, second] = [...seen.values()].sort((a, b) => a.from - b.from);
    expect(second!.from).toBeGreaterThan(first!.to);
  });
});
