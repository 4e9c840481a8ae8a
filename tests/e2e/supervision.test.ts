import { execFileSync, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { gantryBin, TestCluster } from '../support/test-cluster.ts';

/** Health, exec, cp and logs of a previous task, through the whole cluster. */

const file = `
services:
  web:
    image: hello:1
    x-gantry: { healthcheck: { http: ":8080/", interval: 500ms } }
    deploy: { replicas: 2 }
  ill:
    image: hello:1
    healthcheck:
      test: ["CMD", "/bin/busybox", "sh", "-c", "test ! -e /tmp/ill || { echo it is ill; exit 1; }"]
      interval: 200ms
      retries: 2
    stop_grace_period: 1s
`;
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('supervision', { hosts: 2 });
  await cluster.loadHello();
  const compose = join(cluster.directory, 'compose.yaml');
  await writeFile(compose, file);
  await cluster.ok('apply', '-f', compose, '--stack', 'sup');
});

afterAll(async () => {
  await cluster.ok('rm', 'sup');
  await cluster.untilNoLeaks();
  expect(await cluster.stop()).toEqual([]);
});

const run = (task: string, ...argv: readonly string[]) => cluster.gantry('exec', task, '--', ...argv);

/** Processes of the cluster's containers, as the host sees them, that were started with these words. */
async function processesWith(words: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return command.startsWith('sleep\0') && command.includes(words) ? [pid] : [];
    }),
  );
  return found.flat();
}

const untilNone = (words: string) =>
  waitFor(
    'no process',
    async () => ((await processesWith(words)).length === 0 ? true : undefined),
    10_000,
    50,
  );
const untilSome = (words: string) =>
  waitFor('a process', async () => ((await processesWith(words)).length > 0 ? true : undefined), 10_000, 50);

describe('health', () => {
  test('tasks are ready when their check succeeds, and ps shows it', async () => {
    const tasks = await cluster.running('web');
    expect(tasks.map(({ status }) => status?.health)).toEqual(['healthy', 'healthy']);
    expect(await cluster.ok('ps', 'web')).toContain('running (healthy)');
  });

  test('an unhealthy task has failed with the words of its check, and is replaced', async () => {
    const [before] = await cluster.untilRunning('ill', 1);
    const ill = ['/bin/sh', '-c', 'echo last words > /proc/1/fd/1; /bin/busybox touch /tmp/ill'];
    expect((await run('ill', ...ill)).code).toBe(0);
    await waitFor(
      'a replacement',
      async () => (await cluster.running('ill')).find(({ id }) => id !== before?.id),
      15_000,
      100,
    );
    const all = JSON.parse(await cluster.ok('ps', '-a', '-o', 'json')) as TaskView[];
    expect(all.find(({ id }) => id === before?.id)?.status).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining(
        'unhealthy: 2 checks in a row failed: exit code 1: it is ill',
      ) as string,
    });
    expect(await cluster.ok('logs', '--previous', 'ill')).toContain('last words');
  });
});

describe('exec', () => {
  test('output, errors and exit code are those of the process', async () => {
    expect(await run('web.1', '/bin/sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect((await run('web', '/bin/nothing')).code).toBe(127);
    expect((await run('nobody', '/bin/sh')).code).toBe(5);
  });

  test('input is read to its end, and a megabyte passes whole', () => {
    const input = 'line of input\n'.repeat(100_000);
    const env = { ...process.env, GANTRY_CONTROLLER: cluster.local.controllerAddress };
    const options = { input, env, maxBuffer: 1 << 24, encoding: 'utf8' } as const;
    const output = execFileSync(process.execPath, [gantryBin, 'exec', 'web.1', '-i', '--', 'cat'], options);
    expect(output).toBe(input);
  });

  test('a user that is killed leaves nothing running', async () => {
    const env = { ...process.env, GANTRY_CONTROLLER: cluster.local.controllerAddress };
    const argv = [gantryBin, 'exec', 'web.1', '--', 'sleep', '31001'];
    const user = spawn(process.execPath, argv, { env, stdio: 'ignore' });
    await untilSome('31001');
    user.kill('SIGKILL');
    await untilNone('31001');
  });

  test('an agent that is killed leaves nothing running either, and its user hears of it', async () => {
    const user = run('web.1', 'sleep', '31002');
    await untilSome('31002');
    const node = (await cluster.running('web')).find(({ slot }) => slot === 1)?.node ?? '';
    await cluster.local.process(`agent-${node}`).kill('SIGKILL');
    expect(await user).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no longer connected') as string,
    });
    cluster.local.process(`agent-${node}`).start();
    await untilNone('31002');
    await cluster.untilRunning('web', 2);
  });
});

describe('cp', () => {
  test('copies there and back again, files and directories', async () => {
    await run('web.1', '/bin/busybox', 'ln', '-s', 'busybox', '/bin/tar');
    await run('web.1', '/bin/busybox', 'ln', '-s', 'busybox', '/bin/test');
    const here = (name: string): string => join(cluster.directory, name);
    await writeFile(here('one'), 'a\0b');
    await cluster.ok('cp', here('one'), 'web.1:/tmp/two');
    await cluster.ok('cp', 'web.1:/tmp/two', here('three'));
    expect(await readFile(here('three'), 'utf8')).toBe('a\0b');
    await run('web.1', '/bin/sh', '-c', '/bin/busybox mkdir -p /tmp/d/e; echo deep > /tmp/d/e/f');
    await cluster.ok('cp', 'web.1:/tmp/d', here('copied'));
    expect(await readFile(here('copied/e/f'), 'utf8')).toBe('deep\n');
    expect((await cluster.gantry('cp', here('absent'), 'web.1:/tmp/x')).code).toBe(5);
  });

  test('says in words what an image without tar lacks', async () => {
    const { code, stderr } = await cluster.gantry('cp', 'ill:/etc/hosts', join(cluster.directory, 'x'));
    expect(code).toBe(2);
    expect(stderr).toContain('has no tar');
  });
});
