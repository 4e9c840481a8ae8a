import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitForPort } from '../../packages/cli/src/local/wait.ts';

/** A real etcd on free loopback ports with data of its own; can be killed and started again. */
export class TestEtcd {
  readonly url: string;
  readonly #argv: readonly string[];
  readonly #dir: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(dir: string, port: number, peerPort: number) {
    this.#dir = dir;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    this.#argv = [
      '--name', 'test', '--data-dir', join(dir, 'data'), '--listen-client-urls', this.url,
      '--advertise-client-urls', this.url, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
      '--initial-cluster', `test=${peer}`, '--pre-vote', '--logger', 'zap', '--log-level', 'error',
    ]; // prettier-ignore
  }

  static async start(): Promise<TestEtcd> {
    const dir = await mkdtemp(join(tmpdir(), 'gantry-etcd-'));
    const etcd = new TestEtcd(dir, await freePort(), await freePort());
    await etcd.up();
    return etcd;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async up(): Promise<void> {
    this.#child = spawn('etcd', this.#argv, { stdio: 'ignore' });
    await waitForPort('127.0.0.1', this.#port, 15_000);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** A loopback port that nothing listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
