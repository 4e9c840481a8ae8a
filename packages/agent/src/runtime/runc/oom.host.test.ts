import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { exposedScore, protectedScore, protectFromOom } from '@gantry/kit/oom';
import { RuntimeRig } from '../../../../../tests/support/runtime-rig.ts';

let rig: RuntimeRig;
let before: string;

beforeAll(async () => {
  before = await scoreOf('self');
  rig = await RuntimeRig.make('oom');
});
afterEach(async () => {
  await writeFile('/proc/self/oom_score_adj', before);
  await rig.close();
});
afterAll(() => rig.remove());

async function scoreOf(pid: number | string): Promise<string> {
  return (await readFile(`/proc/${pid}/oom_score_adj`, 'utf8')).trim();
}

/** Runs a container from a process with this value; answers with the values of its monitor, itself and a process in it. */
async function scoresUnder(agent: string, wanted?: number) {
  await writeFile('/proc/self/oom_score_adj', agent);
  await rig.open({ oomScoreAdj: Math.min(Number(agent), Number(before)) });
  const isolation = wanted === undefined ? {} : { isolation: { oomScoreAdj: wanted } };
  const plan = rig.planOf({
    command: ['/bin/sh', '-c', 'cat /proc/self/oom_score_adj; exec sleep 1000'],
    ...isolation,
  });
  const { pid } = await rig.runtime.run(plan);
  const monitor = (await readFile(join(rig.dir, 'run/containers', plan.id, 'monitor.pid'), 'utf8')).trim();
  const inside = await rig.runtime.exec(plan.id, { argv: ['cat', '/proc/self/oom_score_adj'], env: [] });
  let executed = '';
  for await (const chunk of inside.output as AsyncIterable<Buffer>) executed += chunk.toString();
  return { monitor: await scoreOf(monitor), container: await scoreOf(pid), executed: executed.trim() };
}

test('a container has its own value: neither what its agent has nor what its monitor has', async () => {
  // Raising is always allowed, so that this says the same on every host: each of them would inherit 400.
  expect(await scoresUnder('400')).toMatchObject({ container: before, executed: before });
  await rig.close();
  expect(await scoresUnder('400', 700)).toMatchObject({ container: '700', executed: '700' });
});

test('where the host allows it, agent and monitor are protected, and the container is not', async () => {
  const allowed = await protectFromOom();
  const scores = await scoresUnder(allowed ? String(protectedScore) : before);
  expect(scores).toMatchObject({ container: before, executed: before });
  if (allowed) expect(Number(scores.monitor)).toBeLessThanOrEqual(protectedScore);
  else expect(scores.monitor).toBe(before);
});

test('a program that may be run again is exposed, whoever starts it', async () => {
  await rig.open();
  const argv = [
    'sh',
    '-c',
    'until grep -q 500 /proc/self/oom_score_adj; do :; done; cat /proc/self/oom_score_adj',
  ];
  const { stdout } = await exec(argv, { exposed: true, timeoutMs: 10_000 });
  expect(stdout.trim()).toBe(String(exposedScore));
  const child = spawn('sleep', ['100']);
  expect(await scoreOf(child.pid ?? 0)).toBe(before);
  child.kill('SIGKILL');
});
