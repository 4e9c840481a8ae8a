import { copyFile, mkdir, mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { aPlan } from '../../../../tests/support/plans.ts';
import { readHostFacts } from '../runtime/runc/host-facts.ts';
import { createRuncRuntime } from '../runtime/runc/runc-runtime.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { LogLine, LogQuery, Logs } from './logs.ts';
import { createLogs } from './node-logs.ts';

/** Logs as real monitors write them. */

const name = `gantry-logs-${process.pid}`;
const spec = { maxBytes: 64 << 10, maxFiles: 4 };
let dir: string;
let logs: Logs;
let runtime: Runtime;
let made: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), `${name}-`));
  for (const path of ['bin', 'dev', 'proc', 'sys', 'etc'])
    await mkdir(join(dir, 'rootfs', path), { recursive: true });
  await copyFile('/usr/bin/busybox', join(dir, 'rootfs/bin/busybox'));
  for (const applet of ['sh', 'sleep', 'echo', 'seq', 'yes', 'head'])
    await symlink('busybox', join(dir, 'rootfs/bin', applet));
  await execOk(exec, ['ip', 'netns', 'add', name]);
});

beforeEach(async () => {
  logs = await createLogs({ dir: join(dir, 'logs'), clock: systemClock, log: silentLogger });
  runtime = await createRuncRuntime({
    exec,
    clock: systemClock,
    log: silentLogger,
    runDir: join(dir, 'run'),
    cgroupParent: name,
    logPath: (id) => logs.path(id),
    logStart: (id) => logs.start(id),
    host: await readHostFacts(name),
    runc: '/usr/sbin/runc',
  });
});

afterEach(async () => {
  for (const id of made) {
    await runtime.delete(id);
    await logs.remove(id);
  }
  made = [];
  await runtime.close();
  logs.close();
  expect(await logs.list()).toEqual([]);
});

afterAll(async () => {
  await exec(['ip', 'netns', 'del', name]);
  await rm(dir, { recursive: true, force: true });
});

/** Starts a container that runs this script; answers with its id and its end. */
async function start(
  script: string,
  kept = spec,
): Promise<{ readonly id: string; readonly ended: Promise<void> }> {
  const plan = aPlan({
    rootfs: join(dir, 'rootfs'),
    netns: `/run/netns/${name}`,
    argv: ['/bin/sh', '-c', script],
    logMaxBytes: kept.maxBytes,
  });
  made.push(plan.id);
  const ended = new Promise<void>((resolve) => runtime.onExit((id) => id === plan.id && resolve()));
  await logs.begin(plan.id, kept);
  await runtime.run(plan);
  return { id: plan.id, ended: ended.then(() => logs.end(plan.id)) };
}

async function read(
  id: string,
  query: LogQuery,
  signal = new AbortController().signal,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const batch of logs.read(id, query, signal)) lines.push(...batch.map(textOf));
  return lines;
}

const textOf = ({ text }: LogLine): string => Buffer.from(text).toString('utf8');
const numbers = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

/** Bytes on disk of all files of a log, each counted once. */
async function sizeOf(id: string): Promise<number> {
  const files = [...(await readdir(join(dir, 'logs', id))), 'now/current', 'now/current.tmp'];
  const infos = await Promise.all(
    files.map((file) => stat(join(dir, 'logs', id, file)).catch(() => undefined)),
  );
  const sizes = infos.map((info) => (info?.isFile() ? info.size : 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('why an init could not run the program is read where the log was moved to', async () => {
  const plan = aPlan({
    rootfs: join(dir, 'rootfs'),
    netns: `/run/netns/${name}`,
    argv: ['/bin/absent'],
    init: true,
  });
  made.push(plan.id);
  const note = new Promise((resolve) => runtime.onExit((id, exit) => id === plan.id && resolve(exit.note)));
  await logs.begin(plan.id, spec);
  await runtime.run(plan);
  expect(await note).toBe('the image has no program /bin/absent, or not the interpreter that it names');
});

test('a log that fits is whole, and its last lines are found', async () => {
  const { id, ended } = await start('seq 1 500');
  await ended;
  expect(await read(id, { follow: false })).toEqual(numbers(1, 500));
  expect(await read(id, { follow: false, tail: 3 })).toEqual(numbers(498, 500));
  expect(await read(id, { follow: false, tail: 0 })).toEqual([]);
  expect(await read(id, { follow: false, tail: 900 })).toEqual(numbers(1, 500));
});

test('a log goes over many files: the newest lines are kept, without a gap, and the files stay bounded', async () => {
  const { id, ended } = await start(
    'for i in $(seq 1 40); do seq $((i * 100 - 99)) $((i * 100)); sleep 0.05; done',
  );
  await ended;
  const lines = await read(id, { follow: false });
  expect(lines.at(-1)).toBe('4000');
  expect(lines).toEqual(numbers(4_001 - lines.length, 4_000));
  expect(lines.length).toBeGreaterThan(3 * 1_200); // a file holds some 1,300 of these lines
  expect(await sizeOf(id)).toBeLessThanOrEqual(spec.maxFiles * spec.maxBytes);
  expect(await read(id, { follow: false, tail: 3_000 })).toEqual(numbers(1_001, 4_000));
  expect(await read(id, { follow: false, since: Date.now() + 1_000 })).toEqual([]);
});

test('a reader that follows sees every line once, over all files, and ends when the log is removed', async () => {
  const { id, ended } = await start(
    'for i in $(seq 1 40); do seq $((i * 100 - 99)) $((i * 100)); sleep 0.05; done; sleep 1000',
  );
  const abort = new AbortController();
  const seen: string[] = [];
  for await (const batch of logs.read(id, { follow: true }, abort.signal)) {
    seen.push(...batch.map(textOf));
    if (seen.at(-1) === '4000') break;
  }
  abort.abort();
  expect(seen).toEqual(numbers(1, 4_000));
  await runtime.signal(id, 'SIGKILL');
  await ended;
  const last = read(id, { follow: true, tail: 1 });
  await logs.remove(id);
  expect((await last).length).toBeLessThanOrEqual(1);
});

test('a reader that follows before there is a log waits for it', async () => {
  const id = aPlan().id;
  const abort = new AbortController();
  const lines = read(id, { follow: true }, abort.signal);
  await logs.begin(id, spec);
  abort.abort();
  expect(await lines).toEqual([]);
  await logs.remove(id);
});

test('a log that was quiet for long loses nothing of a burst, but what is too old', async () => {
  const line = '0123456789'.repeat(9);
  const large = { maxBytes: 4 << 20, maxFiles: 4 };
  const { id, ended } = await start(
    `echo quiet; sleep 1; yes ${line} | head -c 30000000; echo; echo end`,
    large,
  );
  await ended;
  const lines = await read(id, { follow: false });
  expect(lines.at(-1)).toBe('end');
  expect(lines.filter((text) => text.startsWith('[gantry:'))).toEqual([]);
  // All files but the newest are full, each line with conmon's stamp.
  const bytes = lines.reduce((sum, text) => sum + text.length + 44, 0);
  expect(bytes).toBeGreaterThan((large.maxFiles - 1) * large.maxBytes * 0.9);
});

test('what an agent could not keep leaves words in its place, and nothing else is lost', async () => {
  const { id, ended } = await start('seq 1 100000; sleep 0.1; echo end');
  // The agent is kept from everything for a moment, as a machine under load would.
  for (const until = Date.now() + 300; Date.now() < until;);
  await ended;
  const lines = await read(id, { follow: false });
  expect(lines.at(-1)).toBe('end');
  // Between two holes with words, all is there: a stretch is a piece of what was written. (Lines come in pieces themselves.)
  const stretches: string[] = [''];
  for (const text of lines) {
    if (text.startsWith('[gantry: output is missing here')) stretches.push('');
    else stretches.push(`${stretches.pop() ?? ''}${text}`);
  }
  expect(stretches.length).toBeGreaterThan(1);
  const whole = `${numbers(1, 100_000).join('')}end`;
  let from = 0;
  for (const stretch of stretches) {
    const at = whole.indexOf(stretch, from);
    expect(at).toBeGreaterThanOrEqual(from);
    from = at + stretch.length;
  }
});

test('what was written while no agent ran may be missing, and a reader is told', async () => {
  const { id, ended } = await start('trap "seq 1 20000" USR1; echo first; while :; do sleep 0.02; done');
  // The first file is kept before the agent goes; then others come and go without it.
  await waitUntil(async () => (await readdir(join(dir, 'logs', id))).includes('1'));
  await waitUntil(async () => (await read(id, { follow: false })).includes('first'));
  logs.close();
  await runtime.signal(id, 'SIGUSR1');
  await waitUntil(async () => (await read(id, { follow: false, tail: 1 }))[0] === '20000');
  logs = await createLogs({ dir: join(dir, 'logs'), clock: systemClock, log: silentLogger });
  await logs.begin(id, spec);
  const lines = await read(id, { follow: false });
  expect(lines[0]).toBe('first');
  expect(lines).toContain('[gantry: output may be missing here: it was written while the agent was away]');
  expect(lines.at(-1)).toBe('20000');
  await runtime.signal(id, 'SIGKILL');
  await ended;
});

async function waitUntil(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000 && !(await done()); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await done()).toBe(true);
}

test('a flood fills neither the disk nor the memory of who reads it, and its container is not blocked', async () => {
  const { id, ended } = await start('yes 0123456789012345678901234567890123456789 | head -c 200000000');
  let largest = 0;
  const over = { flood: false };
  void ended.then(() => (over.flood = true));
  while (!over.flood) {
    largest = Math.max(largest, await sizeOf(id).catch(() => 0));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // One file more at most, for the moment in which it is found.
  expect(largest).toBeLessThanOrEqual((spec.maxFiles + 2) * spec.maxBytes);
  expect((await read(id, { follow: false, tail: 1 })).join('')).toMatch(/^\d*$/);
});

test('with no agent at all, a monitor keeps its log bounded by itself', async () => {
  const { id, ended } = await start('yes 0123456789 | head -c 20000000');
  logs.close();
  await ended;
  expect(await sizeOf(id)).toBeLessThanOrEqual((spec.maxFiles + 1) * spec.maxBytes);
});
