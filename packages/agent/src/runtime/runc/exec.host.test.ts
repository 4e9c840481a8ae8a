import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { aPlan } from '../../../../../tests/support/plans.ts';
import type { ExecPlan, Execution } from '../execution.ts';
import type { Runtime } from '../runtime.ts';
import { readHostFacts } from './host-facts.ts';
import { createRuncRuntime } from './runc-runtime.ts';

/** Processes that are started in a running container. */

const name = `gantry-exec-${process.pid}`;
let dir: string;
let runtime: Runtime;
let id: string;

const open = async (): Promise<Runtime> =>
  createRuncRuntime({
    exec,
    clock: systemClock,
    log: silentLogger,
    runDir: join(dir, 'run'),
    cgroupParent: name,
    logPath: (of) => join(dir, `${of}.log`),
    host: await readHostFacts(name),
    runc: '/usr/sbin/runc',
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), `${name}-`));
  for (const path of ['bin', 'dev', 'proc', 'sys', 'tmp', 'etc'])
    await mkdir(join(dir, 'rootfs', path), { recursive: true });
  await copyFile('/usr/bin/busybox', join(dir, 'rootfs/bin/busybox'));
  for (const applet of [
    'sh',
    'sleep',
    'echo',
    'cat',
    'stty',
    'id',
    'pwd',
    'env',
    'yes',
    'head',
    'kill',
    'ps',
  ])
    await symlink('busybox', join(dir, 'rootfs/bin', applet));
  await execOk(exec, ['ip', 'netns', 'add', name]);
});

beforeEach(async () => {
  runtime = await open();
  const plan = aPlan({
    rootfs: join(dir, 'rootfs'),
    netns: `/run/netns/${name}`,
    argv: ['/bin/sleep', '1000'],
  });
  id = plan.id;
  await runtime.run(plan);
});

afterEach(async () => {
  expect((await readdir(join(dir, 'run/containers', id))).filter((file) => file.startsWith('exec-'))).toEqual(
    [],
  );
  await runtime.delete(id);
  await runtime.close();
});

afterAll(async () => {
  await exec(['ip', 'netns', 'del', name]);
  await rm(dir, { recursive: true, force: true });
});

async function text(stream: Readable | undefined): Promise<string> {
  const parts: Buffer[] = [];
  if (stream) for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

async function ran(plan: ExecPlan, input = ''): Promise<{ code: number; output: string; errors: string }> {
  const execution = await runtime.exec(id, plan);
  if (!plan.tty) execution.input.end(input);
  const [output, errors, code] = await Promise.all([
    text(execution.output),
    text(execution.errors),
    execution.exit,
  ]);
  return { code, output, errors };
}

/** Pids of everything in the container, as the host sees them. */
async function processes(): Promise<readonly string[]> {
  const procs = await readFile(join('/sys/fs/cgroup/pids', name, id, 'cgroup.procs'), 'utf8').catch(() =>
    readFile(join('/sys/fs/cgroup', name, id, 'cgroup.procs'), 'utf8'),
  );
  return procs.split('\n').filter(Boolean);
}

async function untilAlone(): Promise<void> {
  for (let turn = 0; turn < 300 && (await processes()).length > 1; turn++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await processes()).toHaveLength(1);
}

/** Reads until the words have been said; answers with all that was. */
function heard(execution: Execution, words: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    execution.output.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      if (words.test(said)) resolve(said);
    });
    execution.output.on('end', () => reject(new Error(`it ended and said only: ${said}`)));
  });
}

describe('without a terminal', () => {
  test('input, output and errors are apart, byte by byte', async () => {
    const bytes = 'a\0b\n'.repeat(100_000);
    const answer = await ran({ argv: ['/bin/sh', '-c', 'echo to errors >&2; exec cat'] }, bytes);
    expect(answer).toEqual({ code: 0, output: bytes, errors: 'to errors\n' });
  });

  test.each<[string, readonly string[], number]>([
    ['its own', ['/bin/sh', '-c', 'exit 7'], 7],
    ['255', ['/bin/sh', '-c', 'exit 255'], 255],
    ['128 + signal when one ended it', ['/bin/sh', '-c', 'kill -TERM $$'], 143],
    ['127 for a program that is not there', ['/bin/nothing'], 127],
    ['127 for a name that is not in PATH', ['nothing'], 127],
    ['126 for what is no program', ['/tmp'], 126],
  ])('the exit code is %s', async (_what, argv, code) => {
    expect((await ran({ argv })).code).toBe(code);
  });

  test('what cannot be run is told in plain words', async () => {
    expect((await ran({ argv: ['nothing'] })).errors).toMatch(
      /^exec failed: .*exec: "nothing": executable file not found/,
    );
  });

  test('environment, directory and user may be chosen; else they are the container’s', async () => {
    const script = 'pwd; echo $EXTRA $PATH; id -u; id -g';
    expect((await ran({ argv: ['/bin/sh', '-c', script] })).output).toBe('/\n/bin\n0\n0\n');
    const chosen = { argv: ['/bin/sh', '-c', script], cwd: '/tmp', env: ['EXTRA=yes'], user: '7:8' };
    expect((await ran(chosen)).output).toBe('/tmp\nyes /bin\n7\n8\n');
  });

  test('a reader that does not read stops the writer, and nothing piles up', async () => {
    const execution = await runtime.exec(id, { argv: ['/bin/yes'] });
    await new Promise((resolve) => execution.output.once('readable', resolve));
    await new Promise((resolve) => setTimeout(resolve, 200)); // time enough for 100 MB
    expect(execution.output.readableLength).toBeLessThan(1 << 20);
    await execution.close();
    await untilAlone();
  });

  test('closing ends what it started, also what ignores SIGHUP', async () => {
    const script = 'trap "" HUP TERM; sleep 1000 & echo ready; while :; do sleep 1000; done';
    const execution = await runtime.exec(id, { argv: ['/bin/sh', '-c', script] });
    await heard(execution, /ready/);
    expect((await processes()).length).toBeGreaterThan(2);
    await execution.close();
    expect(await execution.exit).toBe(137);
    await untilAlone();
  });

  test('the end of the container ends it', async () => {
    const execution = await runtime.exec(id, { argv: ['/bin/sleep', '1000'] });
    await execution.signal('SIGCONT'); // it has been started when a signal has been sent
    await runtime.signal(id, 'SIGKILL');
    expect(await execution.exit).toBe(137);
  });

  test('signals reach the process', async () => {
    const execution = await runtime.exec(id, {
      argv: ['/bin/sh', '-c', 'trap "exit 9" USR1; echo ready; while :; do sleep 0.02; done'],
    });
    await heard(execution, /ready/);
    await execution.signal('SIGUSR1');
    expect(await execution.exit).toBe(9);
  });
});

describe('with a terminal', () => {
  const tty = { rows: 33, columns: 111 };

  test('the process has a terminal of the size that was asked for, and its exit code is told', async () => {
    const { code, output } = await ran({ argv: ['/bin/sh', '-c', 'stty size; exit 5'], tty });
    expect(output).toContain('33 111');
    expect(code).toBe(5);
  });

  test('it is resized while it runs, and types reach it', async () => {
    const execution = await runtime.exec(id, { argv: ['/bin/sh'], tty, env: ['PS1=$ '] });
    execution.input.write('echo rea""dy\n');
    await heard(execution, /ready/);
    execution.resize({ rows: 44, columns: 122 });
    execution.input.write('stty size; exit 3\n');
    await heard(execution, /44 122/);
    expect(await execution.exit).toBe(3);
  });

  test('Ctrl-C interrupts what runs in it', async () => {
    const execution = await runtime.exec(id, { argv: ['/bin/sh', '-c', 'echo ready; sleep 1000'], tty });
    await heard(execution, /ready/);
    execution.input.write('\x03');
    expect(await execution.exit).toBe(130);
  });

  test('closing hangs up: the shell and what it runs are gone', async () => {
    const execution = await runtime.exec(id, {
      argv: ['/bin/sh', '-c', 'echo ready; sleep 1000; true'],
      tty,
    });
    await heard(execution, /ready/);
    await execution.close();
    await untilAlone();
  });

  test('a program that is not there is 127', async () => {
    expect((await ran({ argv: ['/bin/nothing'], tty })).code).toBe(127);
  });
});

test('what an agent that was killed left running in a container is ended by the next one', async () => {
  const execution = await runtime.exec(id, {
    argv: ['/bin/sh', '-c', 'trap "" HUP; echo ready; while :; do sleep 1000; done'],
  });
  await heard(execution, /ready/);
  const next = await open();
  await next.list();
  await untilAlone();
  await next.close();
  await execution.exit;
});
