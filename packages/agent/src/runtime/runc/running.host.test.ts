import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import type { ContainerSpec } from '@gantry/model/service';
import { aContainer } from '../../../../../tests/support/builders.ts';
import { RuntimeRig } from '../../../../../tests/support/runtime-rig.ts';
import { planLimits } from '../../task/container-plan.ts';
import type { ContainerPlan, Runtime } from '../runtime.ts';

/** Also run where there is cgroup v2 alone (`npm run test:cgroup2`). */
const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
let rig: RuntimeRig;
let runtime: Runtime;

beforeAll(async () => (rig = await RuntimeRig.make('running')));
afterAll(() => rig.remove());
beforeEach(async () => {
  await rig.open();
  ({ runtime } = rig);
});
afterEach(() => rig.close());

describe('while a container runs', () => {
  const sleeper = (spec: Partial<ContainerSpec> = {}): ContainerPlan =>
    rig.planOf({
      command: ['/bin/sleep', '1000'],
      limits: { memoryBytes: 32 << 20, cpuMillis: 500, pids: 10 },
      ...spec,
    });
  const value = async (id: string, controller: string, file: string): Promise<string> =>
    (await readFile(join('/sys/fs/cgroup', v2 ? '' : controller, rig.name, id, file), 'utf8')).trim();

  test('it gets other limits, and refuses a limit below what it uses', async () => {
    const plan = sleeper({ tuning: { cpuset: '0' } });
    await runtime.run(plan);
    const spec = aContainer({
      limits: { memoryBytes: 64 << 20, cpuMillis: 1_500, pids: 20 },
      tuning: {
        cpuShares: 300,
        cpuset: '0-1',
        blkio: { weight: 200, readBps: [{ path: '/dev/loop0', rate: 1_000_000 }] },
      },
    });
    await runtime.update(plan.id, planLimits(spec));
    const memory = v2 ? 'memory.max' : 'memory.limit_in_bytes';
    if (v2) {
      const files = ['memory.swap.max', 'cpu.max', 'cpu.weight', 'cpuset.cpus', 'pids.max', 'io.max'];
      const got = await Promise.all(files.map((file) => value(plan.id, '', file)));
      expect(got).toEqual([
        '0',
        '150000 100000',
        '12',
        '0-1',
        '20',
        '7:0 rbps=1000000 wbps=max riops=max wiops=max',
      ]);
    } else {
      await expectV1Limits(plan.id);
    }
    expect(await value(plan.id, 'memory', memory)).toBe(String(64 << 20));
    const shrunk = planLimits(aContainer({ limits: { memoryBytes: 4_096 } }));
    await expect(runtime.update(plan.id, shrunk)).rejects.toMatchObject({
      code: 'conflict',
      message: /more than its new limit/,
    });
    expect(await value(plan.id, 'memory', memory)).toBe(String(64 << 20));
  });

  const expectV1Limits = async (id: string): Promise<void> => {
    const plan = { id };
    const got = await Promise.all([
      value(plan.id, 'memory', 'memory.limit_in_bytes'),
      value(plan.id, 'memory', 'memory.memsw.limit_in_bytes'),
      value(plan.id, 'cpu', 'cpu.cfs_quota_us'),
      value(plan.id, 'cpu', 'cpu.shares'),
      value(plan.id, 'cpuset', 'cpuset.cpus'),
      value(plan.id, 'pids', 'pids.max'),
      value(plan.id, 'blkio', 'blkio.bfq.weight'),
      value(plan.id, 'blkio', 'blkio.throttle.read_bps_device'),
    ]);
    expect(got).toEqual([
      String(64 << 20),
      String(64 << 20),
      '150000',
      '300',
      '0-1',
      '20',
      '200',
      '7:0 1000000',
    ]);
  };

  const frozen = async (id: string): Promise<boolean> =>
    v2
      ? /^frozen 1$/m.test(await value(id, '', 'cgroup.events'))
      : (await value(id, 'freezer', 'freezer.state')) === 'FROZEN';

  test('it is paused and goes on; a signal and a deletion wake it', async () => {
    const plan = rig.planOf({ command: ['/bin/sh', '-c', 'while :; do :; done'] });
    await runtime.run(plan);
    await runtime.pause(plan.id);
    expect(await frozen(plan.id)).toBe(true);
    const before = await runtime.usage(plan.id);
    await new Promise((resolve) => systemClock.after(50, () => resolve(undefined)));
    expect((await runtime.usage(plan.id))?.cpuMicros).toBe(before?.cpuMicros);
    await runtime.resume(plan.id);
    expect(await frozen(plan.id)).toBe(false);
    await runtime.resume(plan.id);
    await runtime.pause(plan.id);
    const ended = rig.end(plan.id);
    await runtime.signal(plan.id, 'SIGTERM');
    expect((await ended).exitCode).toBe(143);
    const other = sleeper();
    await runtime.run(other);
    await runtime.pause(other.id);
    await runtime.delete(other.id);
    expect((await runtime.list()).has(other.id)).toBe(false);
  });

  test('a child that is killed for memory is told apart from the end of the container', async () => {
    const limits = { memoryBytes: 16 << 20 };
    const eat = 'dd if=/dev/zero of=/dev/null bs=64M count=1';
    const child = await rig.runToEnd(rig.planOf({ command: ['/bin/sh', '-c', `${eat}; exit 3`], limits }));
    expect(child.exit).toMatchObject({ exitCode: 3, oom: false, oomKills: 1 });
    const itself = await rig.runToEnd(rig.planOf({ command: ['/bin/sh', '-c', `exec ${eat}`], limits }));
    expect(itself.exit).toMatchObject({ exitCode: 137, oom: true, oomKills: 1 });
    const other = await rig.runToEnd(rig.planOf({ command: ['/bin/sh', '-c', 'exit 3'], limits }));
    expect(other.exit).toMatchObject({ exitCode: 3, oom: false, oomKills: 0 });
  });
});
