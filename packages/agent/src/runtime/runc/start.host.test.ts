import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import type { Exec } from '@gantry/kit/exec';
import { readBootId, startTimeOf, type ProcessIdentity } from '@gantry/kit/process';
import { startCreated, type StartDeps } from './start.ts';

let runcRoot = '';
let asked: (readonly string[])[] = [];
const exec: Exec = (argv) => {
  asked.push(argv);
  return Promise.resolve({ code: 0, stdout: '', stderr: '' });
};
const deps = (): StartDeps => ({ exec, clock: systemClock, runc: 'runc', runcRoot });

beforeEach(() => {
  runcRoot = mkdtempSync(join(tmpdir(), 'gantry-start-'));
  mkdirSync(join(runcRoot, 'one'));
  asked = [];
});
afterEach(() => rmSync(runcRoot, { recursive: true }));

/** A process that waits as runc's init does, after `delay` seconds. */
async function aCreated(
  delay: number,
): Promise<{ readonly fifo: string; readonly process: ProcessIdentity }> {
  const fifo = join(runcRoot, 'one', 'exec.fifo');
  execFileSync('mkfifo', [fifo]);
  const child = spawn('sh', ['-c', `sleep ${delay}; printf 0 > ${fifo}; exec sleep 60`], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  const process = { pid, startTime: (await startTimeOf(pid)) ?? '', bootId: await readBootId() };
  return { fifo, process };
}

test.each([0, 0.2])(
  'lets go a process that waits, also one that begins to wait %d s later',
  async (delay) => {
    const { fifo, process: created } = await aCreated(delay);
    await startCreated(deps(), 'one', created);
    expect(existsSync(fifo)).toBe(false);
    expect(asked).toEqual([]);
    process.kill(created.pid, 'SIGKILL');
  },
);

test('says that a process is gone before it was started', async () => {
  const { fifo, process: created } = await aCreated(60);
  process.kill(created.pid, 'SIGKILL');
  await expect(startCreated(deps(), 'one', created)).rejects.toThrow('ended before it was started');
  expect(existsSync(fifo)).toBe(true);
});

test('asks runc where there is no FIFO', async () => {
  await startCreated(deps(), 'one', { pid: 1, startTime: '', bootId: '' });
  expect(asked).toEqual([['runc', '--root', runcRoot, 'start', 'one']]);
});
