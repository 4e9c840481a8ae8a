import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec } from '@gantry/kit/exec';
import { fenceContract, type FenceHost } from './fence.contract.ts';
import { ProcessFence } from './process-fence.ts';

/** Plain processes as containers: a guard asks no more of one than its first pid and the list of its pids. */
function openHost(): FenceHost & { readonly dir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-fence-'));
  const paths = (id: string) => ({ pidFile: join(dir, `${id}.pid`), procs: join(dir, `${id}.procs`) });
  const fence = new ProcessFence({ exec, clock: systemClock, dir: join(dir, 'guards'), paths });
  const children = new Map<string, ChildProcess>();
  return {
    dir,
    fence,
    run: async (heeds) => {
      const id = `c${children.size + 1}`;
      const trap = heeds === 'nothing' ? "trap '' TERM; " : '';
      const child = spawn('bash', ['-c', `${trap}echo up; while :; do read -r -t 60 _ <> <(:); done`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.set(id, child);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      writeFileSync(paths(id).pidFile, String(child.pid));
      writeFileSync(paths(id).procs, `${child.pid}\n`);
      // As a cgroup's list: what has ended is not in it.
      child.once('exit', () => writeFileSync(paths(id).procs, ''));
      return id;
    },
    runs: (id) => {
      const child = children.get(id);
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    clear: async () => {
      for (const [id, child] of children) {
        await fence.release(id);
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await ended;
      }
      await rm(dir, { recursive: true, force: true });
    },
  };
}

fenceContract('process', openHost);

/** Pids of the guards whose FIFO is below the directory. */
async function guardsBelow(dir: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const),
  );
  return lines.filter(([, line]) => line.includes(`gantry-guard\0${dir}`)).map(([pid]) => Number(pid));
}

test('a guard is one small process that ends when it is released, and another fence finds it again', async () => {
  const host = openHost();
  const id = await host.run('signals');
  await host.fence.arm(id, host.fence.now() + 60_000, { signal: 'SIGTERM', graceMs: 100 });
  const [guard] = await guardsBelow(host.dir);
  const status = await readFile(`/proc/${guard}/status`, 'utf8');
  expect(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])).toBeLessThan(6_000);
  const again = new ProcessFence({
    exec,
    clock: systemClock,
    dir: join(host.dir, 'guards'),
    paths: () => ({ pidFile: '', procs: '' }),
  });
  await again.arm(id, again.now() + 60_000, { signal: 'SIGTERM', graceMs: 100 });
  expect(await guardsBelow(host.dir)).toEqual([guard]);
  await again.release(id);
  for (let waited = 0; waited < 40 && (await guardsBelow(host.dir)).length > 0; waited++) await host.pass(50);
  expect(await guardsBelow(host.dir)).toEqual([]);
  await host.clear();
});

test('a guard that was made to stand still hears what it was told before it acts', async () => {
  const host = openHost();
  const id = await host.run('signals');
  await host.fence.arm(id, host.fence.now() + 500, { signal: 'SIGTERM', graceMs: 100 });
  const [guard] = await guardsBelow(host.dir);
  process.kill(guard!, 'SIGSTOP');
  await host.pass(300);
  host.fence.move(id, host.fence.now() + 1_000);
  host.fence.move(id, host.fence.now() + 2_500);
  await host.pass(1_200);
  process.kill(guard!, 'SIGCONT');
  await host.pass(500);
  expect([host.runs(id), await host.fence.fired(id)]).toEqual([true, false]);
  await host.pass(1_500);
  expect(host.runs(id)).toBe(false);
  await host.clear();
});
