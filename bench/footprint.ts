import { readFileSync } from 'node:fs';

/** What a process has used and holds. */
export interface Footprint {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** Clock ticks a second, as /proc counts them. */
const ticks = 100;

/** Of a process of this host, from /proc; zeros once it is gone. */
export function footprint(pid: number): Footprint {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold blanks; fields count from after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpu = Number(fields[11]) + Number(fields[12]);
    return { cpuSeconds: cpu / ticks, rssBytes: Number(fields[21]) * 4_096 };
  } catch {
    return { cpuSeconds: 0, rssBytes: 0 };
  }
}
