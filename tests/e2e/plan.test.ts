import { spawn } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanResponse } from '@gantry/proto/gen/gantry/v1/plan';
import { root } from '../support/imports.ts';
import { gantryBin, TestCluster } from '../support/test-cluster.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';

let cluster: TestCluster;
let file = '';

beforeAll(async () => {
  cluster = await TestCluster.start('plan');
  await cluster.loadHello();
  file = join(cluster.directory, 'shop.yaml');
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

const web = (environment: string, replicas = 2): string =>
  `services:\n  web: { image: hello:1, init: true, stop_grace_period: 1s, environment: { ${environment} }, deploy: { replicas: ${replicas}, update_config: { monitor: 500ms } } }\n`;
const write = (text: string): Promise<void> => writeFile(file, text);
const of = ['--stack', 'shop'] as const;

describe('plan', () => {
  test('tells what a first apply does, writes nothing, and comes true', async () => {
    await write(web('GREETING: one'));
    const { code, stdout } = await cluster.gantry('plan', '-f', file, ...of);
    expect(code).toBe(1);
    expect(stdout).toContain('shop/web created');
    expect(stdout).toMatch(/2 new tasks: n\d, n\d/);
    expect(stdout).toMatch(/all of it would run after about \d+ s/);
    expect(await cluster.services()).toEqual([]);
    await cluster.ok('apply', '-f', file, ...of);
    const told = /2 new tasks: (n\d), (n\d)/.exec(stdout)?.slice(1).sort();
    expect((await cluster.running('web')).map(({ node }) => node).sort()).toEqual(told);
  });

  test('says field by field what an update changes, without secrets, and that nobody suffers', async () => {
    await write(web('GREETING: two, DB_PASSWORD: hunter2'));
    const { code, stdout } = await cluster.gantry('apply', '-f', file, ...of, '--dry-run');
    expect(code).toBe(1);
    expect(stdout).toContain('- container.env.GREETING: one\n  + container.env.GREETING: two');
    expect(stdout).toContain('+ container.env.DB_PASSWORD: (not shown)');
    expect(stdout).not.toContain('hunter2');
    expect(stdout).toContain('ready: 2 now, 2 at the lowest, 2 in the end');
    const json = await cluster.gantry('plan', '-f', file, ...of, '-o', 'json');
    const plan = JSON.parse(json.stdout) as PlanResponse;
    expect(plan.services).toMatchObject([{ change: 'updated', replacesTasks: true, stopped: 2 }]);
  });

  test('a plan is applied once: afterwards the world is another', async () => {
    const out = join(cluster.directory, 'shop.plan');
    expect(await cluster.gantry('plan', '-f', file, ...of, '--out', out)).toMatchObject({ code: 1 });
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    await cluster.ok('scale', 'web=3');
    const refused = await cluster.gantry('apply', '--plan', out);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('stack shop has changed since the plan: nothing was applied');
    expect((await cluster.services())[0]).toMatchObject({ revision: 1, desired: 3 });
    await cluster.gantry('plan', '-f', file, ...of, '--out', out);
    await cluster.ok('apply', '--plan', out);
    expect((await cluster.services())[0]).toMatchObject({ revision: 2, desired: 2, ready: 2 });
    expect(await cluster.gantry('plan', '-f', file, ...of)).toMatchObject({ code: 0 });
  });

  test('what would not come up ends with 4 and the reason, and nothing is harmed', async () => {
    await write(
      'services:\n  big: { image: hello:1, deploy: { resources: { reservations: { cpus: "500" } } } }\n',
    );
    const { code, stdout } = await cluster.gantry('plan', '-f', file, ...of, '--no-prune');
    expect(code).toBe(4);
    expect(stdout).toContain('500.00 needed');
    expect(await cluster.services()).toHaveLength(1);
  });
});

describe('why and describe', () => {
  test('a task that fits nowhere, one that crashes, and one that is well are each told in a sentence', async () => {
    await write(
      `services:
  big: { image: hello:1, deploy: { resources: { reservations: { cpus: "500" } } } }
  bad: { image: hello:1, entrypoint: ["/bin/sh", "-c", "exit 7"], restart: "no" }
  web: { image: hello:1, init: true, stop_grace_period: 1s }
`,
    );
    await cluster.gantry('apply', '-f', file, '--stack', 'odd', '--detach');
    const said = await waitFor(
      'three answers',
      async () => {
        const { stdout } = await cluster.gantry('why', 'odd', '-q');
        return /exit code 7[^]*500\.00 needed[^]*as it should be/.test(stdout) ? stdout : undefined;
      },
      15_000,
      300,
    );
    expect(said).toContain(
      'bad.1 is down: ended with exit code 7; its restart policy is "no", so it stays down',
    );
    expect(said).toMatch(/big\.1 waits for a host: no host fits: n1, n2, n3: cpu/);
    expect(said).toContain('odd/web is as it should be: 1 of 1 ready');
    const task = await cluster.ok('why', 'odd/bad.1');
    expect(task).toContain('fix: gantry logs --previous bad.1');
    expect(task).toMatch(/s ago\s+bad\.1 \(\w+\)\s+failed on n\d: ended with exit code 7/);
    expect(await cluster.gantry('why', 'nothing-of-the-kind')).toMatchObject({ code: 5 });
  });

  test('describe shows a service, a task and a host on one screen each', async () => {
    const service = await cluster.ok('describe', 'odd/web');
    for (const word of ['container.image: hello:1', 'REVISION', 'TASK', 'what happened'])
      expect(service).toContain(word);
    const task = await cluster.ok('describe', 'odd/web.1');
    expect(task).toMatch(/odd\/web\.1 .*running/);
    const node = await cluster.ok('describe', 'n1', '-o', 'json');
    expect(JSON.parse(node)).toMatchObject({ kind: 'node', node: { name: 'n1', state: 'ready' } });
    await cluster.ok('rm', 'odd');
  });
});

describe('run', () => {
  const run = (flags: readonly string[], script: string) =>
    cluster.gantry('run', ...flags, '--entrypoint', '/bin/busybox', 'hello:1', '--', 'sh', '-c', script);

  test('shows what the command writes, each line once on its own stream, and ends with its code', async () => {
    const lines = 'for i in 1 2 3 4 5; do echo line $i $WORD; done; echo oops >&2; exit 9';
    const { code, stdout, stderr } = await run(['-e', 'WORD=$x'], lines);
    expect(stdout).toBe([1, 2, 3, 4, 5].map((i) => `line ${i} $x\n`).join(''));
    expect(stderr).toBe('oops\n');
    expect(code).toBe(9);
    expect(await run([], 'true')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await cluster.services()).filter(({ stack }) => stack === 'run')).toEqual([]);
  });

  test('says what is wrong in words, and ends as docker run does', async () => {
    const unknown = await cluster.gantry('run', 'no-such-image:1', '--', 'true');
    expect(unknown).toMatchObject({ code: 125 });
    expect(unknown.stderr).toContain('no-such-image:1');
    const missing = await cluster.gantry('run', '--entrypoint', '/bin/nope', 'hello:1');
    expect(missing).toMatchObject({ code: 127 });
    const late = await run(['--constraint', 'node.hostname==moon', '--timeout', '1s'], 'true');
    expect(late.code).toBe(124);
    expect(late.stderr).toContain('it has not begun after 1 s: no host fits');
    const long = await run(['--deadline', '1s'], 'exec sleep 60');
    expect(long).toMatchObject({ code: 125 });
    expect(long.stderr).toContain('not done after 1 s');
  });

  test('Ctrl-C stops the command, and nothing is left of it', async () => {
    const argv = [
      'run',
      '--name',
      'long',
      '--entrypoint',
      '/bin/busybox',
      'hello:1',
      '--',
      'sh',
      '-c',
      'echo up; exec sleep 60',
    ];
    const env = { ...process.env, GANTRY_CONTROLLER: cluster.local.controllerAddress };
    const stopped = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
      const child = spawn(process.execPath, [gantryBin, ...argv], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let stdout = '';
      child.stdout.on('data', (data) => {
        stdout += String(data);
        child.kill('SIGINT');
      });
      child.on('close', (code) => resolve({ code, stdout }));
    });
    expect(stopped).toEqual({ code: 130, stdout: 'up\n' });
    expect((await cluster.services()).filter(({ stack }) => stack === 'run')).toEqual([]);
  });

  test('--keep and --detach leave it to be looked at', async () => {
    expect(await run(['--keep', '--name', 'kept'], 'echo kept; exit 3')).toMatchObject({ code: 3 });
    expect(await cluster.ok('logs', 'run/kept')).toContain('kept');
    expect(await run(['--name', 'kept'], 'true')).toMatchObject({ code: 125 });
    const { stdout } = await run(['-d', '--name', 'later'], 'echo later');
    expect(stdout).toBe('run/later\n');
    await cluster.ok('wait', 'run/later');
    await cluster.ok('rm', 'run');
  });
});

describe('rebalance', () => {
  test('gives a host that came back its share, with no ready task less on the way', async () => {
    await cluster.ok('node', 'drain', 'n3');
    await write(web('GREETING: even', 4));
    await cluster.ok('apply', '-f', file, ...of);
    await cluster.ok('node', 'uncordon', 'n3');
    const preview = await cluster.ok('rebalance', 'shop', '--dry-run');
    expect(preview).toMatch(/shop\/web\.\d +n[12] +n3 +more evenly spread: 1 left on n[12], 1 on n3/);
    expect((await cluster.running('web')).map(({ node }) => node)).not.toContain('n3');
    const rebalance = () => cluster.ok('rebalance', 'shop', '--timeout', '30s');
    expect(await cluster.leastReady('web', rebalance)).toBe(4);
    expect((await cluster.running('web')).map(({ node }) => node)).toContain('n3');
    expect((await cluster.gantry('rebalance', 'shop')).stderr).toContain('nothing to move');
  });
});

test('the examples of updates and jobs run as they stand', async () => {
  const apply = (name: string): Promise<string> =>
    cluster.ok('apply', '-f', join(root, 'examples', name, 'compose.yaml'), '--timeout', '60s');
  await Promise.all([apply('rolling'), apply('jobs')]);
  expect(await cluster.running('app')).toHaveLength(1);
  expect(await cluster.ok('logs', 'migrate')).toContain('migrated');
  expect(await cluster.ok('why', 'report', '-q')).toMatch(
    /next in \d+ (s|min|h) \(30 4 \* \* \*, Europe\/Berlin\)/,
  );
}, 90_000);
