import { readFile } from 'node:fs/promises';

/** Identity of a process: pids are reused, so a pid alone names nothing. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTime: string;
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
}

/** The id of this boot of the host: what was believed running under another one is not. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); undefined once it is gone or a zombie. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the name in parentheses, and may contain spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** True if the very process that was meant still lives. */
export async function isAlive(process: ProcessIdentity, bootId: string): Promise<boolean> {
  return process.bootId === bootId && (await startTimeOf(process.pid)) === process.startTime;
}
