import { openSync, readSync } from 'node:fs';

/** What something took: ms by the clock, and ms of processor time of the whole process, garbage collection included. */
export interface Spent {
  readonly wall: number;
  readonly cpu: number;
}

/** A moment to measure from. */
export interface Mark {
  readonly at: number;
  readonly cpu: number;
}

export function mark(): Mark {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), cpu: (user + system) / 1_000 };
}

export function since(from: Mark): Spent {
  const to = mark();
  return { wall: to.at - from.at, cpu: to.cpu - from.cpu };
}

/**
 * Tells how long this thread has been on a processor, ms: what it held at a stretch. On a busy machine the clock would
 * count the time that others had, and the process what its other threads did.
 */
export function threadClock(): () => number {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  return () => {
    const length = readSync(file, text, 0, text.length, 0);
    return Number(text.toString('latin1', 0, length).split(' ')[0]) / 1e6;
  };
}
