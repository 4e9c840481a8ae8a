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
  /** Rejects if the hollow nodes end: nothing would come of waiting then. */
  readonly lost: Promise<never>;
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

/** Starts all of it; resolves once every node has begun. What began is ended if the rest cannot. */
export async function startPlane(nodes: number, silenceSeconds: number): Promise<Plane> {
  const hollowFile = await built();
  const dir = mkdtempSync(join(tmpdir(), 'gantry-scale-'));
  const endings: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const ending of endings.splice(0).reverse()) await ending();
  };
  try {
    const etcd = await TestEtcd.start();
    endings.push(() => etcd.stop());
    const address = `127.0.0.1:${await freePort()}`;
    const threadFile = join(dir, 'thread.json');
    const controller = startController({ address, etcd: etcd.url, dir, threadFile, silenceSeconds });
    endings.push(() => end(controller));
    await waitForPort('127.0.0.1', Number(address.split(':')[1]), 20_000);
    loadHello(address);
    const hollow = fork(hollowFile, [address, String(nodes)], { execArgv: [...profiled()] });
    endings.push(() => end(hollow));
    const lost = new Promise<never>((_, reject) => {
      hollow.once('exit', (code, signal) =>
        reject(new Error(`the hollow nodes ended: ${signal ?? String(code)}`)),
      );
    });
    lost.catch(() => undefined); // said to who waits
    await Promise.race([new Promise((resolve) => hollow.once('message', resolve)), lost]);
    return {
      client: new ControlClient(address, credentials.createInsecure(), {
        'grpc.max_receive_message_length': 256 << 20,
      }),
      hollow,
      lost,
      etcd,
      processes: { controller: controller.pid ?? 0, etcd: etcd.pid ?? 0, 'hollow nodes': hollow.pid ?? 0 },
      endController: async () => {
        await end(controller);
        return JSON.parse(readFileSync(threadFile, 'utf8')) as ThreadFigures;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface ControllerWish {
  readonly address: string;
  readonly etcd: string;
  readonly dir: string;
  /** Where it tells at its end how long its thread was held. */
  readonly threadFile: string;
  readonly silenceSeconds: number;
}

function startController({ address, etcd, dir, threadFile, silenceSeconds }: ControllerWish): ChildProcess {
  // Subnets for more hosts than the default pool has.
  const flags = [
    '--listen',
    address,
    '--etcd',
    etcd,
    '--state-dir',
    dir,
    '--container-pool',
    '10.128.0.0/10',
  ];
  const more = ['--log-level', 'error', '--silence', `${silenceSeconds}s`];
  const watched = [...profiled(), '--import', join(root, 'bench/watch-thread.mjs'), join(root, 'bin/gantry')];
  return spawn(process.execPath, [...watched, 'controller', ...flags, ...more], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, GANTRY_BENCH_THREAD: threadFile },
  });
}

/** With `CPU_PROF=DIR` a profile of each process is written there. */
function profiled(): readonly string[] {
  const dir = process.env['CPU_PROF'];
  return dir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${dir}`];
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
