import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '@gantry/kit/exec';
import type { ServiceView, TaskView, NodeView } from '@gantry/proto/gen/gantry/v1/control';
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
    let found = await this.leaks();
    const empty = async (): Promise<true | undefined> => {
      found = await this.leaks();
      return found.length === 0 ? true : undefined;
    };
    await waitFor('an empty census', empty, 20_000, 200).catch(() => undefined);
    return found.map(({ kind, what }) => `leak: ${kind} ${what}`);
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

  async services(): Promise<readonly ServiceView[]> {
    return JSON.parse(await this.ok('ls', '-o', 'json')) as ServiceView[];
  }

  async tasks(): Promise<readonly TaskView[]> {
    return JSON.parse(await this.ok('ps', '-o', 'json')) as TaskView[];
  }

  async nodes(): Promise<readonly NodeView[]> {
    return JSON.parse(await this.ok('node', 'ls', '-o', 'json')) as NodeView[];
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

  /** What `gantry doctor --leaks` finds for this cluster's hosts. */
  async leaks(): Promise<readonly { kind: string; what: string }[]> {
    const ran = await this.gantry('doctor', '--leaks', '-o', 'json');
    return JSON.parse(ran.stdout) as { kind: string; what: string }[];
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
