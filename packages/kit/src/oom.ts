import { writeFile } from 'node:fs/promises';

/** What keeps the host or the cluster together goes last; -1000 would mean never, also when it is the one that leaks. */
export const protectedScore = -900;
/** Programs that can be started again at no loss go before any container. */
export const exposedScore = 500;

/**
 * Keeps a process (default: this one) from the kernel's OOM killer. False if this host does not allow it: lowering the
 * value takes CAP_SYS_RESOURCE.
 */
export function protectFromOom(pid: number | 'self' = 'self'): Promise<boolean> {
  return set(pid, protectedScore);
}

/** Has the OOM killer take a process before others; raising is always allowed. False if it is gone. */
export function exposeToOom(pid: number): Promise<boolean> {
  return set(pid, exposedScore);
}

function set(pid: number | 'self', score: number): Promise<boolean> {
  return writeFile(`/proc/${pid}/oom_score_adj`, String(score)).then(
    () => true,
    () => false,
  );
}
