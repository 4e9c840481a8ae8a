import type { Resources } from '@gantry/model/service';
import type { TaskStatus } from '@gantry/model/task';
import type { ContainerExit } from '../runtime/runtime.ts';

/** What is known of a container's end. */
export interface End {
  /** Absent when nothing of it is left. */
  readonly exit: ContainerExit | undefined;
  /** It was told to stop. */
  readonly wanted: boolean;
  /** Its health check gave it up, in these words, and it was ended for it. */
  readonly unhealthy?: string;
  /** Its guard ended it, after this long without contact with the controller. */
  readonly fencedAfterMs?: number;
  /** The host has been restarted since it ran. */
  readonly restarted: boolean;
  readonly limits: Resources;
}

/** How a container's end reads: its state and one sentence. */
export function endOf(end: End): Pick<TaskStatus, 'state' | 'reason' | 'exitCode' | 'oom'> {
  const { exit, wanted, unhealthy, restarted, limits } = end;
  const code = exit?.exitCode !== undefined && { exitCode: exit.exitCode };
  if (wanted) return { state: 'shutdown', reason: 'stopped as asked', ...code };
  if (end.fencedAfterMs !== undefined) {
    const seconds = Math.round(end.fencedAfterMs / 1_000);
    const reason = `stopped by its host, which had no contact with the controller for ${seconds} s`;
    return { state: 'failed', reason, ...code };
  }
  if (unhealthy !== undefined) return { state: 'failed', reason: unhealthy, ...code };
  if (!exit) {
    const reason = restarted ? 'the host was restarted' : 'it ended, and nothing tells how';
    return { state: 'failed', reason };
  }
  if (exit.oom)
    return { state: 'failed', reason: `killed: out of memory${limitOf(limits)}`, oom: true, ...code };
  if (exit.note !== undefined) return { state: 'failed', reason: exit.note, ...code };
  if (exit.exitCode === 0) return { state: 'complete', reason: 'ended with exit code 0', exitCode: 0 };
  const reason = `${reasonOf(exit.exitCode ?? -1)}${beforeThat(exit.oomKills ?? 0, limits)}`;
  return { state: 'failed', reason, ...code };
}

/** Its first process ended by itself, but others had been ended for memory: likely why. */
function beforeThat(oomKills: number, limits: Resources): string {
  if (oomKills === 0) return '';
  const which = oomKills === 1 ? 'one of its processes was' : `${oomKills} of its processes were`;
  return `; before that ${which} killed: out of memory${limitOf(limits)}`;
}

function reasonOf(exitCode: number): string {
  const signal = signals[exitCode - 128];
  return signal === undefined
    ? `ended with exit code ${exitCode}`
    : `ended by ${signal} (exit code ${exitCode})`;
}

function limitOf({ memoryBytes }: Resources): string {
  return memoryBytes === undefined ? '' : ` (limit ${Math.round(memoryBytes / 2 ** 20)} MiB)`;
}

const signals: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
};
