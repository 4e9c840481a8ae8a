import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { aPlan } from '../../../../../tests/support/plans.ts';
import type { ContainerExit, ContainerPlan, Runtime } from '../runtime.ts';
import { readHostFacts } from './host-facts.ts';
import { createRuncRuntime } from './runc-runtime.ts';

/** What goes wrong on real hosts: agents that die at every step, monitors that are killed, pids that are reused. */

const name = `gantry-faults-${process.pid}`;
let dir: string;
const opened: Runtime[] = [];
const made: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), `${name}-`));
  for (const path of ['bin', 'dev', 'proc', 'sys', 'tmp'])
    await mkdir(join(dir, 'rootfs', path), { recursive: true });
  await copyFile('/usr/bin/busybox', join(dir, 'rootfs/bin/busybox'));
  for (const applet of ['sh', 'sleep', 'echo']) await symlink('busybox', join(dir, 'rootfs/bin', applet));
  await writeFile(join(dir, 'rootfs/bin/text'), 'no program', { mode: 0o644 });
  await mkdir(join(dir, 'logs'));
  await execOk(exec, ['ip', 'netns', 'add', name]);
});

afterEach(async () => {
  const last = await open();
  for (const id of made.splice(0)) await last.delete(id);
  await Promise.all(opened.splice(0).map((runtime) => runtime.close()));
  expect(await readdir(join(dir, 'run/containers'))).toEqual([]);
  expect(await readdir(join(dir, 'run/runc'))).toEqual([]);
});

afterAll(async () => {
  await exec(['ip', 'netns', 'del', name]);
  for (const controller of await readdir('/sys/fs/cgroup'))
    await exec(['rmdir', join('/sys/fs/cgroup', controller, name)]);
  await rm(dir, { recursive: true, force: true });
});

async function open(): Promise<Runtime> {
  const runtime = await createRuncRuntime({
    exec,
    clock: systemClock,
    log: silentLogger,
    runDir: join(dir, 'run'),
    cgroupParent: name,
    logPath: (id) => join(dir, 'logs', `${id}.log`),
    host: await readHostFacts(name),
    runc: '/usr/sbin/runc',
  });
  opened.push(runtime);
  return runtime;
}

function plan(argv: readonly string[], more: Partial<ContainerPlan> = {}): ContainerPlan {
  const planned = aPlan({ rootfs: join(dir, 'rootfs'), netns: `/run/netns/${name}`, argv, ...more });
  made.push(planned.id);
  return planned;
}

const sleeper = (): ContainerPlan => plan(['/bin/sleep', '1000']);

function firstExit(runtime: Runtime, wanted: string): Promise<ContainerExit> {
  return new Promise((resolve) => runtime.onExit((id, exit) => id === wanted && resolve(exit)));
}

async function monitorPid(id: string): Promise<number> {
  return Number(await readFile(join(dir, 'run/containers', id, 'monitor.pid'), 'utf8'));
}

/** Waits, at most 5 s, until the kernel knows the process no more. */
async function untilGone(pid: number): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (text === '' || text.includes(') Z ')) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`process ${pid} is still there`);
}

test('containers that end at once are never taken for containers whose monitor was killed', async () => {
  const runtime = await open();
  for (let round = 0; round < 5; round++) {
    const plans = [3, 4, 5, 6].map((code) => ({ code, plan: plan(['/bin/sh', '-c', `exit ${code}`]) }));
    await Promise.all(
      plans.map(async ({ code, plan: wanted }) => {
        const exit = firstExit(runtime, wanted.id);
        await runtime.run(wanted);
        expect(await exit).toMatchObject({ exitCode: code, oom: false });
      }),
    );
  }
});

test('a container that ends while no agent runs is found with its code and the time of its end', async () => {
  const first = await open();
  const wanted = plan(['/bin/sh', '-c', 'sleep 0.3; exit 7']);
  const { pid } = await first.run(wanted);
  await first.close();
  await untilGone(pid);
  const monitor = await monitorPid(wanted.id).catch(() => undefined);
  if (monitor !== undefined) await untilGone(monitor);
  const ended = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 300)); // the agent is away a little longer
  const state = (await (await open()).list()).get(wanted.id);
  expect(state).toMatchObject({ state: 'stopped', exit: { exitCode: 7 } });
  if (state?.state === 'stopped') expect(Math.abs(state.exit.at - ended)).toBeLessThan(150);
});

test('a monitor killed while no agent runs: the container is ended as soon as one is back', async () => {
  const first = await open();
  const wanted = sleeper();
  const { pid } = await first.run(wanted);
  await first.close();
  const monitor = await monitorPid(wanted.id);
  process.kill(monitor, 'SIGKILL');
  await untilGone(monitor);
  const second = await open();
  const exit = firstExit(second, wanted.id);
  const state = (await second.list()).get(wanted.id);
  const how = state?.state === 'stopped' ? state.exit : await exit;
  expect(how.note).toBe('its monitor (conmon) was killed');
  await untilGone(pid);
  expect((await second.list()).get(wanted.id)).toMatchObject({ state: 'stopped' });
});

test('why a container ended outlives the agent that saw it', async () => {
  const first = await open();
  const wanted = sleeper();
  await first.run(wanted);
  const exit = firstExit(first, wanted.id);
  process.kill(await monitorPid(wanted.id), 'SIGKILL');
  const seen = await exit;
  await first.close();
  expect((await (await open()).list()).get(wanted.id)).toEqual({ state: 'stopped', exit: seen });
});

test('a container that has ended is not run a second time', async () => {
  const runtime = await open();
  const wanted = plan(['/bin/sh', '-c', 'exit 0']);
  const exit = firstExit(runtime, wanted.id);
  await runtime.run(wanted);
  await exit;
  await expect(runtime.run(wanted)).rejects.toMatchObject({ code: 'conflict' });
});

test('a container in the making is not listed as broken', async () => {
  const runtime = await open();
  const wanted = sleeper();
  const running = runtime.run(wanted);
  let settled = false;
  void running.finally(() => (settled = true));
  while (!settled) expect((await runtime.list()).get(wanted.id)?.state).not.toBe('broken');
  await running;
});

test('a container deleted while it is made leaves nothing', async () => {
  const runtime = await open();
  const wanted = sleeper();
  const running = runtime.run(wanted).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 8));
  await runtime.delete(wanted.id);
  await running;
  await runtime.delete(wanted.id);
  expect((await runtime.list()).has(wanted.id)).toBe(false);
});

test('what an agent left half-made is broken, and can be deleted', async () => {
  const wanted = sleeper();
  const bundle = join(dir, 'run/containers', wanted.id);
  await (await open()).close();
  await mkdir(bundle, { recursive: true });
  await writeFile(join(bundle, 'config.json'), '{');
  const runtime = await open();
  expect((await runtime.list()).get(wanted.id)).toMatchObject({ state: 'broken' });
  await runtime.delete(wanted.id);
  expect((await runtime.list()).has(wanted.id)).toBe(false);
});

test('a reused pid is not signalled and not taken for the container', async () => {
  const first = await open();
  const wanted = sleeper();
  const { pid } = await first.run(wanted);
  await first.close();
  const meta = join(dir, 'run/containers', wanted.id, 'meta.json');
  const text = await readFile(meta, 'utf8');
  await writeFile(meta, text.replace(/"startTime":"\d+"/, '"startTime":"1"'));
  const second = await open();
  await second.signal(wanted.id, 'SIGKILL');
  expect((await second.list()).get(wanted.id)?.state).not.toBe('running');
  expect(() => process.kill(pid, 0)).not.toThrow();
  await second.delete(wanted.id);
  await untilGone(pid);
});

test('what a container wrote just before it was deleted is in its log', async () => {
  const runtime = await open();
  const wanted = plan([
    '/bin/sh',
    '-c',
    'i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; sleep 1000',
  ]);
  await runtime.run(wanted);
  const log = join(dir, 'logs', `${wanted.id}.log`);
  for (let i = 0; i < 500 && !(await readFile(log, 'utf8')).includes('line 499'); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await runtime.delete(wanted.id);
  expect(await readFile(log, 'utf8')).toContain('stdout F line 499');
});

test.each([
  ['SIGUSR1', 10],
  ['SIGRTMIN+3', 37],
  ['SIG9', 9],
])('sends %s', async (signal, number) => {
  const runtime = await open();
  const wanted = plan(['/bin/sh', '-c', `trap "exit 50" ${number}; echo up; while :; do sleep 0.02; done`]);
  const exit = firstExit(runtime, wanted.id);
  await runtime.run(wanted);
  const log = join(dir, 'logs', `${wanted.id}.log`);
  for (let i = 0; i < 500 && !(await readFile(log, 'utf8')).includes('up'); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await runtime.signal(wanted.id, signal);
  expect((await exit).exitCode).toBe(number === 9 ? 137 : 50);
});

test('a signal nobody knows is refused in words', async () => {
  const runtime = await open();
  const wanted = sleeper();
  await runtime.run(wanted);
  await expect(runtime.signal(wanted.id, 'SIGNONSENSE')).rejects.toMatchObject({ code: 'invalid' });
});

test.each<[string, readonly string[], Partial<ContainerPlan>, RegExp]>([
  ['a program that is not there', ['/bin/absent'], {}, /no program \/bin\/absent/],
  ['a name that is not in PATH', ['absent'], {}, /no program absent/],
  ['a file that cannot be executed', ['/bin/text'], {}, /\/bin\/text in the image is not executable/],
  ['a directory as program', ['/bin'], {}, /\/bin in the image is not (executable|a program)/],
])('refuses %s in words', async (_what, argv, more, words) => {
  const runtime = await open();
  const wanted = plan(argv, more);
  await expect(runtime.run(wanted)).rejects.toMatchObject({ code: 'invalid', message: words });
  expect((await runtime.list()).has(wanted.id)).toBe(false);
});

test('says what conmon said when the log cannot be opened', async () => {
  const runtime = await createRuncRuntime({
    exec,
    clock: systemClock,
    log: silentLogger,
    runDir: join(dir, 'run'),
    cgroupParent: name,
    logPath: () => '/proc/nowhere/log',
    host: await readHostFacts(name),
    runc: '/usr/sbin/runc',
  });
  opened.push(runtime);
  await expect(runtime.run(sleeper())).rejects.toThrow(/log/);
});

test('usage counts CPU time, memory without idle page cache, and processes', async () => {
  const runtime = await open();
  const wanted = plan([
    '/bin/sh',
    '-c',
    'busybox dd if=/dev/zero of=/tmp/f bs=1M count=30; sleep 1000 & sleep 1000 & wait',
  ]);
  await runtime.run(wanted);
  // Before the program begins, the threads of runc's own init are counted: the file says that it has.
  const written = async (): Promise<number> =>
    (await stat(join(dir, 'rootfs/tmp/f')).catch(() => undefined))?.size ?? 0;
  let usage = await runtime.usage(wanted.id);
  for (let i = 0; i < 500 && (usage?.pids !== 3 || (await written()) < 30 << 20); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    usage = await runtime.usage(wanted.id);
  }
  await rm(join(dir, 'rootfs/tmp/f'), { force: true });
  expect(usage?.pids).toBe(3);
  expect(usage?.cpuMicros).toBeGreaterThan(1_000);
  expect(usage?.memoryBytes).toBeLessThan(25 << 20);
});

test('a running container costs the agent one descriptor', async () => {
  const runtime = await open();
  await runtime.run(sleeper()); // what is made once is made
  const count = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
  const before = await count();
  for (let i = 0; i < 5; i++) await runtime.run(sleeper());
  await new Promise((resolve) => setTimeout(resolve, 50)); // closing takes a turn or two of the loop
  expect(await count()).toBeLessThanOrEqual(before + 5);
});
