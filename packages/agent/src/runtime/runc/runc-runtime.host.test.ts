import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { Launcher } from '@gantry/kit/launcher';
import { silentLogger } from '@gantry/kit/log';
import { aPlan } from '../../../../../tests/support/plans.ts';
import { runtimeContract } from '../runtime.contract.ts';
import type { ContainerExit, ContainerPlan, Runtime } from '../runtime.ts';
import { startTimeOf } from '@gantry/kit/process';
import { createRuncRuntime } from './runc-runtime.ts';

const netns = `gtest-${process.pid}`;
const cgroupParent = `gantry-test-${process.pid}`;
let dir: string;

let launcher: Launcher;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-runtime-'));
  await mkdir(join(dir, 'rootfs/bin'), { recursive: true });
  for (const name of ['dev', 'proc', 'sys', 'tmp']) await mkdir(join(dir, 'rootfs', name));
  await copyFile('/usr/bin/busybox', join(dir, 'rootfs/bin/busybox'));
  for (const name of ['sh', 'sleep', 'cat', 'id', 'head', 'dd'])
    await symlink('busybox', join(dir, 'rootfs/bin', name));
  await mkdir(join(dir, 'logs'));
  launcher = new Launcher(join(dir, 'exec'));
  await execOk(exec, ['ip', 'netns', 'add', netns]);
});

afterAll(async () => {
  launcher.close();
  await exec(['ip', 'netns', 'del', netns]);
  for (const controller of await readdir('/sys/fs/cgroup')) {
    await rm(join('/sys/fs/cgroup', controller, cgroupParent), { recursive: true, force: true }).catch(
      () => undefined,
    );
    await exec(['rmdir', join('/sys/fs/cgroup', controller, cgroupParent)]);
  }
  await rm(dir, { recursive: true, force: true });
});

function open(): Promise<Runtime> {
  return createRuncRuntime({
    exec: launcher.exec,
    clock: systemClock,
    log: silentLogger,
    runDir: join(dir, 'run'),
    cgroupParent,
    logPath: (id) => join(dir, 'logs', `${id}.log`),
    host: { maxOpenFiles: 1_024, oomScoreAdj: 0, swapLimit: false, arch: process.arch },
    runc: '/usr/sbin/runc',
  });
}

function containerPlan(argv: readonly string[], more: Partial<ContainerPlan> = {}): ContainerPlan {
  return aPlan({ rootfs: join(dir, 'rootfs'), netns: `/run/netns/${netns}`, argv, ...more });
}

runtimeContract('runc', {
  open,
  plan: (behaviour) => {
    if (behaviour === 'missing') return Promise.resolve(containerPlan(['/bin/absent']));
    if (behaviour === 'stays') return Promise.resolve(containerPlan(['/bin/sleep', '1000']));
    return Promise.resolve(containerPlan(['/bin/sh', '-c', `exit ${behaviour.exits}`]));
  },
  traces,
});

async function traces(id: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const place of ['run/containers', 'run/exits', 'run/runc']) {
    if ((await readdir(join(dir, place)).catch((): string[] => [])).includes(id)) found.push(join(place, id));
  }
  for (const controller of await readdir('/sys/fs/cgroup')) {
    const inside = await readdir(join('/sys/fs/cgroup', controller, cgroupParent)).catch((): string[] => []);
    if (inside.includes(id)) found.push(join(controller, id));
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`\0${id}\0`)) found.push(`pid ${pid}`);
  }
  return found;
}

/** Runs to the end; answers with the exit and what it wrote. */
async function runToEnd(
  plan: ContainerPlan,
): Promise<{ readonly exit: ContainerExit; readonly output: string }> {
  const runtime = await open();
  const exit = new Promise<ContainerExit>((resolve) =>
    runtime.onExit((id, how) => id === plan.id && resolve(how)),
  );
  await runtime.run(plan);
  const how = await exit;
  const output = await readFile(join(dir, 'logs', `${plan.id}.log`), 'utf8');
  await runtime.delete(plan.id);
  await runtime.close();
  return { exit: how, output };
}

test('a killed monitor is noticed, its container ended, and the exit says why', async () => {
  const runtime = await open();
  const plan = containerPlan(['/bin/sleep', '1000']);
  const process_ = await runtime.run(plan);
  const exit = new Promise<ContainerExit>((resolve) => runtime.onExit((_id, how) => resolve(how)));
  const monitor = Number(await readFile(join(dir, 'run/containers', plan.id, 'monitor.pid'), 'utf8'));
  process.kill(monitor, 'SIGKILL');
  expect(await exit).toMatchObject({ note: 'its monitor (conmon) was killed' });
  await runtime.delete(plan.id);
  expect(await startTimeOf(process_.pid)).toBeUndefined();
  expect(await traces(plan.id)).toEqual([]);
  await runtime.close();
});

test('memory beyond the limit ends the container, and the exit says that it was memory', async () => {
  const eater = containerPlan(['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=128M', 'count=2'], {
    limits: { memoryBytes: 16 << 20, pids: 16 },
  });
  expect((await runToEnd(eater)).exit).toMatchObject({ exitCode: 137, oom: true });
});

test('from inside: nine capabilities, no new privileges, seccomp, limits, private namespaces', async () => {
  const { output } = await runToEnd(containerPlan(['/bin/cat', '/proc/self/status', '/proc/self/limits']));
  expect(output).toMatch(/CapEff:\s+00000000000005fb/);
  expect(output).toMatch(/CapBnd:\s+00000000000005fb/);
  expect(output).toMatch(/CapInh:\s+0000000000000000/);
  expect(output).toMatch(/NoNewPrivs:\s+1/);
  expect(output).toMatch(/Seccomp:\s+2/);
  expect(output).toMatch(/Max open files\s+1024\s+1024/);
  expect(output).toMatch(/NSpid:\s+1\b/);
});

test('from inside: the host is masked, the cgroup tree is read-only, devices are the few allowed', async () => {
  const script = [
    'head -c1 /proc/kcore 2>&1 | od 2>/dev/null; [ -s /proc/kcore ] || echo masked',
    'echo 1 > /proc/sys/kernel/panic && echo writable-sys || echo readonly-sys',
    'echo 1 > /sys/fs/cgroup/memory/cgroup.procs && echo writable-cgroup || echo readonly-cgroup',
    'busybox mknod /tmp/sda b 8 0 && echo made-device || echo no-device',
    'busybox unshare -n true && echo unshared || echo no-unshare',
  ].join('\n');
  const { output } = await runToEnd(containerPlan(['/bin/sh', '-c', script]));
  for (const word of ['readonly-sys', 'readonly-cgroup', 'no-device', 'no-unshare'])
    expect(output).toContain(word);
});
