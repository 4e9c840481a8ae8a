import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { RuntimeRig } from '../../../../tests/support/runtime-rig.ts';
import { Sampler } from './sampler.ts';

let rig: RuntimeRig;
beforeAll(async () => {
  rig = await RuntimeRig.make('stats');
  await rig.open();
});
afterAll(async () => {
  await rig.close();
  await rig.remove();
});

test('usage is that of the load: a busy container within its limit, an idle one near nothing, memory and processes', async () => {
  const busy = rig.planOf({ command: ['/bin/sh', '-c', 'while :; do :; done'], limits: { cpuMillis: 200 } });
  const idle = rig.planOf({ command: ['/bin/sleep', '1000'] });
  // 8 MiB that stay: a file in a memory file system is the container's memory.
  const large = rig.planOf({
    command: [
      '/bin/sh',
      '-c',
      'dd if=/dev/zero of=/mem/file bs=1M count=8; sleep 1000 & echo ready; sleep 1000; :',
    ],
    tmpfs: ['/mem'],
  });
  const plans = [busy, idle, large];
  for (const plan of plans) await rig.runtime.run(plan);
  for (let i = 0; i < 1_000 && !(await rig.output(large.id)).includes('ready'); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const sampler = new Sampler({
    nodeId: 'n',
    node: 'n',
    cores: 2,
    runtime: rig.runtime,
    running: () => plans.map(({ id }) => id),
    clock: systemClock,
  });
  const first = await sampler.sample();
  expect(first.tasks.map(({ cpuMillis }) => cpuMillis)).toEqual([0, 0, 0]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const { tasks, memoryBytes } = await sampler.sample();
  const [one, two, three] = tasks;
  // Its limit is a fifth of a core; how much of that a busy machine gives it is the machine's.
  expect(one?.cpuMillis).toBeGreaterThan(20);
  expect(one?.cpuMillis).toBeLessThan(300);
  expect(two?.cpuMillis).toBeLessThan((one?.cpuMillis ?? 0) / 2);
  expect(three?.memoryBytes).toBeGreaterThanOrEqual(8 << 20);
  expect(three?.memoryBytes).toBeLessThan(32 << 20);
  expect(two?.memoryBytes).toBeLessThan(8 << 20);
  expect(memoryBytes).toBeGreaterThan(8 << 20);
  // The init counts, too.
  expect([one?.pids, two?.pids, three?.pids]).toEqual([2, 2, 4]);
});
