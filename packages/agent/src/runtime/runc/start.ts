import { constants, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { startTimeOf, type ProcessIdentity } from '@gantry/kit/process';
import { explainCreateFailure } from './explain.ts';

export interface StartDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly runc: string;
  readonly runcRoot: string;
}

/** How often the first process of a container that does not answer is asked for, ms. */
const lookMs = 50;
/** How long it may take to answer, ms: it has nothing else to do. */
const answerMs = 10_000;

/**
 * Lets a created container run. As `runc start` does it, without the 6 ms that a process of runc takes: the container's first
 * process waits until somebody reads the FIFO beside its state, says so with one byte, and goes on to the program. A runc that
 * makes no such FIFO is asked itself.
 */
export async function startCreated(deps: StartDeps, id: string, process: ProcessIdentity): Promise<void> {
  const fifo = join(deps.runcRoot, id, 'exec.fifo');
  const fd = openReader(fifo);
  if (fd === undefined) return startByRunc(deps, id);
  await heard(deps.clock, fd, process);
  // It is what tells a container that was only created from one that runs.
  unlinkSync(fifo);
}

function openReader(fifo: string): number | undefined {
  try {
    return openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

async function startByRunc({ exec, runc, runcRoot }: StartDeps, id: string): Promise<void> {
  const result = await exec([runc, '--root', runcRoot, 'start', id]);
  if (result.code !== 0) throw explainCreateFailure(result.stderr);
}

/** Resolves when the process has written; it may not have come to that yet. Throws if it is gone, or does not answer. */
function heard(clock: Clock, fd: number, process: ProcessIdentity): Promise<void> {
  const deadline = clock.monotonic() + answerMs;
  return new Promise((resolve, reject) => {
    const socket = new Socket({ fd, readable: true, writable: false });
    const over = (): boolean => socket.destroyed;
    const end = (error?: GantryError): void => {
      cancel();
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    const look = async (): Promise<void> => {
      if (over()) return;
      const alive = (await startTimeOf(process.pid)) === process.startTime;
      if (over()) return;
      if (!alive) return end(new GantryError('internal', 'the container ended before it was started'));
      if (clock.monotonic() > deadline)
        return end(new GantryError('timeout', 'the container did not start in time'));
      cancel = clock.after(lookMs, () => void look());
    };
    let cancel = clock.after(lookMs, () => void look());
    socket.once('data', () => end()).once('error', () => end());
  });
}
