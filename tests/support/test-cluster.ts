import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '@gantry/kit/exec';
import type { ServiceView, TaskView, NodeView } from '@gantry/proto/gen/gantry/v1/control';
import { Client } from '../../packages/cli/src/client.ts';
import { findLeaks, type Leak } from '../../packages/cli/src/doctor/census.ts';
import { collectExpected, collectTraces } from '../../packages/cli/src/doctor/traces.ts';
import { LocalCluster, type LocalClusterOptions } from '../../packages/cli/src/local/cluster.ts';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { root } from './imports.ts';

/** How a command of the cli ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A cluster of three hosts for one test file, driven as a user would: through the cli. */
export class TestCluster {
  readonly local: LocalCluster;
  readonly directory: string;
  /** Which controller is spoken to: the one that leads. */
  leader = 'controller';
  readonly #surprises: string[];

  private constructor(local: LocalCluster, directory: string, surprises: string[]) {
    this.local = local;
    this.directory = directory;
    this.#surprises = surprises;
  }

  static async start(name: string, more: Partial<LocalClusterOptions> = {}): Promise<TestCluster> {
    const surprises: string[] = [];
    const local = await LocalCluster.start({
      name: `test-${name}`,
      hosts: 3,
      gantryBin: gantryBin,
      exec,
      onSurprise: (program, how) => surprises.push(`${program}: ${how}`),
      ...more,
    });
    try {
      await waitForNodes(local.controllerAddress, more.hosts ?? 3, 30_000);
    } catch (error) {
      await local.stop();
      throw error;
    }
    const directory = await mkdtemp(join(tmpdir(), 'gantry-test-'));
    return new TestCluster(local, directory, surprises);
  }

  /**
   * Removes every service, takes the census, and ends it all, whatever happens. Answers with everything that is not as
   * it should be: leaks, and programs that ended although nobody asked them to.
   */
  async stop(): Promise<readonly string[]> {
    let leaks: readonly string[] = [];
    try {
      leaks = await this.#census();
    } finally {
      await this.local.stop();
      await rm(this.directory, { recursive: true, force: true });
      await rm(this.local.topology.stateDir, { recursive: true, force: true });
    }
    return [...leaks, ...this.#surprises];
  }

  async #census(): Promise<readonly string[]> {
    const stacks = [...new Set((await this.services()).map(({ stack }) => stack))];
    if (stacks.length > 0) await this.ok('rm', ...stacks);
    await this.untilNoLeaks().catch(() => undefined);
    return (await this.leaks()).map(({ kind, what }) => `leak: ${kind} ${what}`);
  }

  gantry(...argv: readonly string[]): Promise<Ran> {
    return runGantry(argv, { GANTRY_CONTROLLER: this.local.addressOf(this.leader) });
  }

  /** Runs a command that must succeed; throws with all it said otherwise. */
  async ok(...argv: readonly string[]): Promise<string> {
    const ran = await this.gantry(...argv);
    if (ran.code !== 0)
      throw new Error(`gantry ${argv.join(' ')} → ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  /** Builds the image of examples/hello, and loads it. */
  async loadHello(): Promise<void> {
    const archive = join(this.directory, 'hello.tar');
    execFileSync(process.execPath, [join(root, 'examples/hello/build-image.mjs'), archive]);
    await this.ok('image', 'load', archive);
  }

  async services(): Promise<readonly ServiceView[]> {
    const ask = (client: Client) =>
      client.call(client.control.listServices.bind(client.control), { stack: undefined });
    return (await this.#asked(ask)).services;
  }

  async tasks(): Promise<readonly TaskView[]> {
    const ask = (client: Client) =>
      client.call(client.control.listTasks.bind(client.control), { names: [], all: false });
    return (await this.#asked(ask)).tasks;
  }

  async nodes(): Promise<readonly NodeView[]> {
    const ask = (client: Client) => client.call(client.control.listNodes.bind(client.control), {});
    return (await this.#asked(ask)).nodes;
  }

  /**
   * What is asked again and again is asked without a process each time. Each question has a connection of its own, so that
   * none waits because an earlier one met a controller that was down.
   */
  async #asked<T>(question: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client(this.local.addressOf(this.leader), 10_000);
    try {
      return await question(client);
    } finally {
      client.close();
    }
  }

  /** The running and ready tasks of a service. */
  async running(service: string): Promise<readonly TaskView[]> {
    const tasks = await this.tasks();
    return tasks.filter(
      (task) => task.service === service && task.status?.state === 'running' && task.status.ready,
    );
  }

  async untilRunning(service: string, count: number, timeoutMs = 20_000): Promise<readonly TaskView[]> {
    return waitFor(
      `${count} running tasks of ${service}`,
      async () => {
        const running = await this.running(service);
        return running.length === count ? running : undefined;
      },
      timeoutMs,
      100,
    );
  }

  /** The lowest number of ready tasks that the service had while `work` went on, looked at all the time. */
  async leastReady(service: string, work: () => Promise<unknown>): Promise<number> {
    let least = Infinity;
    let working = true;
    const watch = async (): Promise<void> => {
      while (working) {
        const found = (await this.services()).find(({ name }) => name === service);
        least = Math.min(least, found?.ready ?? 0);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await Promise.all([watch(), work().finally(() => (working = false))]);
    return least;
  }

  /** What `gantry doctor --leaks` finds on this machine. */
  async leaks(): Promise<readonly Leak[]> {
    const traces = await collectTraces(exec);
    return findLeaks(traces, await collectExpected());
  }

  async untilNoLeaks(timeoutMs = 20_000): Promise<void> {
    const none = async (): Promise<true | undefined> =>
      (await this.leaks()).length === 0 ? true : undefined;
    await waitFor('an empty census', none, timeoutMs, 100);
  }
}

export const gantryBin = join(root, 'bin/gantry');

/** Runs the cli to its end with stdin closed. */
export function runGantry(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [gantryBin, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}
