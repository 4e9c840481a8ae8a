import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exec, execOk } from '@gantry/kit/exec';
import { seededRandom } from '@gantry/kit/random';
import type { TaskAssignment } from '@gantry/model/assignment';
import { defaultNetworking } from '@gantry/model/network';
import { aContainer, anAssignment } from '../../../../tests/support/builders.ts';
import { root } from '../../../../tests/support/imports.ts';

/** An agent that is killed again and again, at every step of its containers' lives. */

/** So many seeded rounds go over every failpoint five times; `KILL_LOOP_ROUNDS` for a long run. */
const rounds = Number(process.env['KILL_LOOP_ROUNDS'] ?? 100);
const points = [
  'prepare', 'contents', 'mounted', 'files', 'starting', 'bundle', 'created', 'identified', 'started', 'run', 'running', 'stop', 'stopping',
  'killed', 'end', 'ended', 'clean', 'deleted', 'unmounted', 'cleaned',
]; // prettier-ignore
const name = `gantry-loop-${process.pid}`;
let dir: string;
let agentFile: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), `${name}-`));
  for (const path of ['bin', 'dev', 'proc', 'sys', 'etc', 'started'])
    await mkdir(join(dir, 'layers/base', path), { recursive: true });
  await copyFile('/usr/bin/busybox', join(dir, 'layers/base/bin/busybox'));
  for (const applet of ['sh', 'sleep', 'echo'])
    await symlink('busybox', join(dir, 'layers/base/bin', applet));
  await execOk(exec, ['ip', 'netns', 'add', name]);
  agentFile = join(dir, 'agent.mjs');
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['tests/support/kill-loop/agent.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['@lydell/node-pty', 'pino'],
  });
  await writeFile(agentFile, outputFiles[0]?.contents ?? '');
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
});

afterAll(async () => {
  await life([]).catch(() => undefined); // also when the loop failed, its containers must not stay
  await exec(['ip', 'netns', 'del', name]);
  await rm(dir, { recursive: true, force: true });
});

function aTask(number: number, ends: boolean): TaskAssignment {
  const taskId = `loop${String(number).padStart(8, '0')}`;
  const secret = 'read -r word < /run/secrets/s; test "$word" = canary || exit 9';
  const script = `${secret}; echo x >> /started/${taskId}; ${ends ? 'exit 3' : 'exec sleep 1000'}`;
  return anAssignment({
    taskId,
    stack: 'loop',
    container: aContainer({
      entrypoint: ['/bin/sh', '-c', script],
      stopSignal: 'SIGKILL',
      stopGraceMs: 500,
      contents: [
        { kind: 'secret', source: 's', number: 1, target: '/run/secrets/s', uid: 0, gid: 0, mode: 0o400 },
      ],
      volumes: [
        {
          kind: 'bind',
          source: join(dir, 'started'),
          target: '/started',
          readOnly: false,
          createSource: false,
        },
      ],
    }),
    image: { ref: 'base:1', digest: 'sha256:0', source: 'loaded' },
    networking: defaultNetworking('loop'),
  });
}

/** One life of an agent: answers how it ended, `killed` at its failpoint, or `settled`. */
async function life(wanted: readonly TaskAssignment[], failpoint?: string): Promise<'killed' | 'settled'> {
  await writeFile(join(dir, 'wanted.json'), JSON.stringify(wanted));
  const argv = [agentFile, dir, name, `/run/netns/${name}`, ...(failpoint === undefined ? [] : [failpoint])];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve('killed');
      else if (code === 0) resolve('settled');
      else reject(new Error(`an agent ended with ${String(code)} (${failpoint ?? 'no failpoint'}): ${said}`));
    });
  });
}

interface Report {
  readonly taskId: string;
  readonly state: string;
  readonly reason: string;
}

/** All that was said, in its order. */
async function reports(): Promise<readonly Report[]> {
  const lines = (await readFile(join(dir, 'reports'), 'utf8')).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Report);
}

/** How often the program of a task was started. */
async function starts(taskId: string): Promise<number> {
  const text = await readFile(join(dir, 'started', taskId), 'utf8').catch(() => '');
  return text.split('\n').length - 1;
}

test(
  'agents killed at every step, again and again: no task is lost, started twice or left behind',
  async () => {
    const random = seededRandom(1);
    let wanted: readonly TaskAssignment[] = [];
    let next = 0;
    const kills = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      // Something is always to do: a new task, one to stop, one that is no longer assigned.
      if (wanted.length < 3 || random() < 0.3) wanted = [...wanted, aTask(next++, random() < 0.2)];
      if (wanted.length > 2 && random() < 0.5)
        wanted = wanted.map((task, at) => (at === 0 ? { ...task, desired: 'shutdown' } : task));
      if (wanted.length > 3) wanted = wanted.slice(1);
      const point = `${points[round % points.length] ?? ''}:${random() < 0.7 ? 1 : 2}`;
      if ((await life(wanted, point)) === 'killed') kills.set(point, (kills.get(point) ?? 0) + 1);
    }
    expect(await life(wanted)).toBe('settled');
    const said = await reports();
    expect(
      said.filter(({ reason }) => reason.includes('exit code 9')),
      'found no secret',
    ).toEqual([]);
    const last = new Map(said.map((report) => [report.taskId, report]));
    for (const { taskId, desired } of wanted) {
      if (desired !== 'running') continue;
      const { state = '', reason = '' } = last.get(taskId) ?? {};
      expect(['running', 'failed']).toContain(state);
      // What was made, but not started yet when its agent died, is ended by the next agent and never runs.
      if (state === 'running' || !reason.includes('SIGKILL')) expect(await starts(taskId)).toBe(1);
    }
    for (let number = 0; number < next; number++)
      expect(await starts(aTask(number, false).taskId), `starts of task ${number}`).toBeLessThanOrEqual(1);
    expect(await life([])).toBe('settled');
    await expectNothingLeft();
    // A loop that kills nobody proves nothing.
    const killed = [...kills.values()].reduce((sum, count) => sum + count, 0);
    process.stderr.write(
      `kill loop: ${rounds} rounds, ${killed} kills at ${kills.size} places, ${next} tasks\n`,
    );
    expect(killed).toBeGreaterThan(rounds / 4);
  },
  60_000 + 400 * rounds,
);

async function expectNothingLeft(): Promise<void> {
  // The very last steps of a runner are made in the background: one more life finds nothing to do but them.
  expect(await life([])).toBe('settled');
  for (const path of [
    'run/containers',
    'run/runc',
    'run/exits',
    'run/files',
    'run/contents',
    'rootfs',
    'state/logs',
    'state/tasks',
  ])
    expect(await readdir(join(dir, path)).catch(() => []), path).toEqual([]);
  expect((await readFile('/proc/self/mountinfo', 'utf8')).includes(dir)).toBe(false);
  for (const controller of await readdir('/sys/fs/cgroup'))
    expect(existsSync(join('/sys/fs/cgroup', controller, name)), controller).toBe(false);
  const pids = (await readdir('/proc')).filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid);
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  expect(commands.filter((command) => command.includes(`${dir}/run`))).toEqual([]);
}
