import type { RestartPolicy } from './service.ts';

/** The wait before a task follows one that ended, after so many ends in a row, ms: none at first, then doubling. */
export function restartDelayMs({ delayMs, maxDelayMs }: RestartPolicy, count: number): number {
  return count <= 1 ? 0 : Math.min(maxDelayMs, delayMs * 2 ** Math.min(30, count - 2));
}
