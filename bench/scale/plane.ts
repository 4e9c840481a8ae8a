import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { build } from 'esbuild';
import { ControlClient } from '@gantry/proto/gen/gantry/v1/control';
import { waitForPort } from '../../packages/cli/src/local/wait.ts';
import { freePort, TestEtcd } from '../../tests/support/etcd.ts';
import { root } from '../../tests/support/imports.ts';
import { loadHello } from '../cluster.ts';

/** A controller, its etcd and many hollow nodes, each a process of this host. */
export interface Plane {
  readonly client: ControlClient;
  readonly hollow: ChildProcess;
  readonly processes: Readonly<Record<string, number>>;
  readonly etcd: TestEtcd;
  /** Ends the controller, and tells how long its thread was held. */
  endController(): Promise<ThreadFigures>;
  stop(): Promise<void>;
}

/** ms that the thread was not free, at a stretch. */
export interface ThreadFigures {
  readonly p99: number;
  readonly longest: number;
}

/** Starts all of it; resolves once every node has begun. */
export async function startPlane(nodes: number, silenceSeconds: number): Promise<Plane> {
  const hollowFile = await built();
  const etcd = await TestEtcd.start();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const dir = mkdtempSync(join(tmpdir(), 'gantry-scale-'));
  const profile =
    process.env['CPU_PROF'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env['CPU_PROF']}`];
  const threadFile = join(dir, 'thread.json');
  const argv = [
    'controller',
    '--listen',
    address,
    '--etcd',
    etcd.url,
    '--state-dir',
    dir,
    '--log-level',
    'error',
    '--silence',
    `${silenceSeconds}s`,
  ];
  const controller = spawn(
    process.execPath,
    [
      ...profile,
      '--import',
      join(root, 'bench/watch-thread.mjs'),
      join(root, 'bin/gantry'),
      ...argv,
      '--container-pool',
      '10.128.0.0/9',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, GANTRY_BENCH_THREAD: threadFile } },
  );
  await waitForPort('127.0.0.1', port, 20_000);
  loadHello(address);
  const hollow = fork(hollowFile, [address, String(nodes)], { execArgv: profile });
  await new Promise<void>((resolve, reject) => {
    hollow.once('message', () => resolve()).once('exit', () => reject(new Error('the hollow nodes ended')));
  });
  return {
    client: new ControlClient(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 256 << 20,
    }),
    hollow,
    etcd,
    processes: { controller: controller.pid ?? 0, etcd: etcd.pid ?? 0, 'hollow nodes': hollow.pid ?? 0 },
    endController: async () => {
      await end(controller);
      return JSON.parse(readFileSync(threadFile, 'utf8')) as ThreadFigures;
    },
    stop: async () => {
      await Promise.all([end(hollow), end(controller)]);
      await etcd.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/**
 * Builds what is measured: the program itself, and the hollow nodes bundled as an agent is. A loader of TypeScript adds to every
 * call what no agent pays. Answers with the file of the hollow nodes.
 */
async function built(): Promise<string> {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' });
  const outfile = join(root, 'dist/hollow.js');
  await build({
    entryPoints: [join(root, 'bench/hollow.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['@grpc/grpc-js'],
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
  });
  return outfile;
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  return ended.then(() => clearTimeout(late));
}
