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
  const fields = await statOf(pid);
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** Pid of its parent; undefined once it is gone or a zombie. */
export async function parentOf(pid: number): Promise<number | undefined> {
  const fields = await statOf(pid);
  return fields[0] === 'Z' || fields[0] === 'X' || fields[1] === undefined ? undefined : Number(fields[1]);
}

/** Fields of /proc/PID/stat from the third, the state, on. */
async function statOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the name in parentheses, and may contain spaces and parentheses itself.
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** True if the very process that was meant still lives. */
export async function isAlive(process: ProcessIdentity, bootId: string): Promise<boolean> {
  return process.bootId === bootId && (await startTimeOf(process.pid)) === process.startTime;
}
