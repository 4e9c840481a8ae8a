import { readFile } from 'node:fs/promises';
import type { Exec } from '@gantry/kit/exec';
import { GantryError } from '@gantry/kit/errors';
import type { ContainerPlan } from '../runtime.ts';
import type { Layout } from './layout.ts';
import { explainCreateFailure } from './explain.ts';
import { readFifo } from './watch.ts';

/** Creating a container takes tens of ms; a runc that hangs must not hang its task, ms. */
const createTimeoutMs = 20_000;

export interface MonitorDeps {
  readonly exec: Exec;
  readonly layout: Layout;
  readonly runc: string;
  readonly conmon: string;
}

/** runc does one thing after another: threads of Go's for each processor cost it a tenth of its time (they also collect garbage). */
const runcEnv = { GOMAXPROCS: '1' };

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
  // conmon leaves a child behind and ends at once; the child answers on descriptor 3, and holds the FIFO for life.
  const { code, stderr } = await deps.exec([deps.conmon, ...monitorArguments(deps, id, logPath, plan)], {
    cwd: paths.bundle, // conmon writes its oom file where it stands
    env: { _OCI_SYNCPIPE: '3', ...runcEnv },
    holds: { 3: paths.alive, 4: paths.alive },
  });
  if (code !== 0) throw unmade(stderr);
  const answer = parseAnswer(await firstLineOf(paths.alive, createTimeoutMs));
  if (answer.pid > 0) return answer.pid;
  throw explainCreateFailure(answer.message ?? '');
}

function monitorArguments(
  { layout, runc }: MonitorDeps,
  id: string,
  logPath: string,
  { logMaxBytes, terminal }: MonitorPlan,
): readonly string[] {
  const paths = layout.of(id);
  return [
    '--cid', id, '--cuuid', id, '--name', id, '--runtime', runc, '--runtime-arg', `--root=${layout.runcRoot}`,
    '--bundle', paths.bundle, '--container-pidfile', paths.pidFile, '--conmon-pidfile', paths.monitorPidFile,
    '--log-path', `k8s-file:${logPath}`, '--exit-dir', layout.exits, '--persist-dir', paths.bundle,
    '--full-attach', '--no-sync-log',
    ...(logMaxBytes !== undefined ? ['--log-size-max', String(logMaxBytes)] : []),
    ...(terminal?.tty ? ['--terminal'] : []), ...(terminal?.stdinOpen ? ['--stdin', '--leave-stdin-open'] : []),
  ]; // prettier-ignore
}

/** The first line that is written into a FIFO which somebody holds open; throws if all let go of it, or nothing comes in time. */
function firstLineOf(fifo: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const reader = readFifo(fifo, {
      onData: (chunk) => {
        said += chunk.toString('utf8');
        if (!said.includes('\n')) return;
        end();
        resolve(said.slice(0, said.indexOf('\n')));
      },
      onGone: () => {
        end();
        reject(unmade(''));
      },
    });
    const timer = setTimeout(() => {
      end();
      const hint = 'is the disk slow or full?';
      reject(new GantryError('timeout', 'the container was not created in time', { hint }));
    }, timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      reader.close();
    };
  });
}

function unmade(complaint: string): GantryError {
  const said = complaint.trim().slice(-1_000) || 'it said nothing';
  return new GantryError('internal', `conmon could not make the container: ${said}`);
}

function parseAnswer(line: string): { readonly pid: number; readonly message?: string } {
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
