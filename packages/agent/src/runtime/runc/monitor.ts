import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { Exec } from '@gantry/kit/exec';
import { GantryError } from '@gantry/kit/errors';
import type { ContainerPlan } from '../runtime.ts';
import type { ContainerPaths, Layout } from './layout.ts';
import { explainCreateFailure } from './explain.ts';

/** Creating a container takes tens of ms; a runc that hangs must not hang its task, ms. */
const createTimeoutMs = 20_000;

export interface MonitorDeps {
  readonly exec: Exec;
  readonly layout: Layout;
  readonly runc: string;
  readonly conmon: string;
}

/** What of a container's plan its monitor has to know. */
type MonitorPlan = Pick<ContainerPlan, 'terminal' | 'logMaxBytes'>;

/**
 * Starts conmon for a container whose bundle is ready; it creates the container with runc and stays as its monitor.
 * Resolves with the pid of the container's first process, which waits to be started. Throws what runc said, in words.
 */
export async function createUnderMonitor(
  deps: MonitorDeps,
  id: string,
  logPath: string,
  plan: MonitorPlan,
): Promise<number> {
  const paths = deps.layout.of(id);
  // Read and write, so that opening does not wait; conmon inherits it and holds it for life.
  const alive = await open(paths.alive, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    return await startConmon(deps, id, paths, logPath, alive.fd, plan);
  } finally {
    await alive.close();
  }
}

function startConmon(
  deps: MonitorDeps,
  id: string,
  paths: ContainerPaths,
  logPath: string,
  aliveFd: number,
  plan: MonitorPlan,
): Promise<number> {
  const argv = [
    '--cid', id, '--cuuid', id, '--name', id, '--runtime', deps.runc, '--runtime-arg', `--root=${deps.layout.runcRoot}`,
    '--bundle', paths.bundle, '--container-pidfile', paths.pidFile, '--conmon-pidfile', paths.monitorPidFile,
    '--log-path', `k8s-file:${logPath}`, '--exit-dir', deps.layout.exits, '--persist-dir', paths.bundle,
    '--full-attach', '--no-sync-log',
    ...(plan.logMaxBytes !== undefined ? ['--log-size-max', String(plan.logMaxBytes)] : []),
    ...(plan.terminal?.tty ? ['--terminal'] : []), ...(plan.terminal?.stdinOpen ? ['--stdin', '--leave-stdin-open'] : []),
  ]; // prettier-ignore
  return new Promise((resolve, reject) => {
    const child = spawn(deps.conmon, argv, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', aliveFd],
      cwd: paths.bundle, // conmon writes its oom file where it stands
      detached: true,
      env: { PATH: process.env['PATH'], _OCI_SYNCPIPE: '3' },
    });
    const sync = child.stdio[3];
    let said = '';
    let complained = '';
    child.stderr?.on('error', () => undefined);
    child.stderr?.on('data', (chunk: Buffer) => {
      complained = (complained + chunk.toString('utf8')).slice(-1_000);
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new GantryError('timeout', 'the container was not created in time', {
          hint: 'is the disk slow or full?',
        }),
      );
    }, createTimeoutMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new GantryError('internal', `cannot start conmon: ${cause.message}`, { cause }));
    });
    if (!sync || !('on' in sync)) return;
    sync.on('error', () => undefined);
    sync.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      const answer = parseAnswer(said);
      if (!answer) return;
      clearTimeout(timer);
      sync.removeAllListeners('close');
      sync.destroy(); // conmon holds its end for life; ours would be a descriptor a container
      if (answer.pid > 0) resolve(answer.pid);
      else reject(explainCreateFailure(answer.message ?? ''));
    });
    sync.once('close', () => {
      clearTimeout(timer);
      reject(
        new GantryError(
          'internal',
          `conmon could not make the container: ${complained.trim() || 'it said nothing'}`,
        ),
      );
    });
    child.unref();
  });
}

function parseAnswer(text: string): { readonly pid: number; readonly message?: string } | undefined {
  const line = text.slice(0, text.indexOf('\n') + 1);
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as { pid: number; message?: string };
  } catch {
    return { pid: -1, message: line };
  }
}

/** The pid that a pid file holds, or undefined. */
export async function readPid(file: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  return pid > 0 ? pid : undefined;
}
