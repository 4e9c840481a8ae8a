import { readFile } from 'node:fs/promises';

/** CPU time of the whole host since boot, from /proc/stat. */
export interface CpuTimes {
  /** USER_HZ ticks of work, all cores. */
  readonly busy: number;
  readonly total: number;
}

/** Parses the first line of /proc/stat: idle and iowait are not work. */
export function parseCpuTimes(stat: string): CpuTimes {
  const fields = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').slice(0, 8).map(Number);
  const total = fields.reduce((sum, value) => sum + value, 0);
  return { busy: total - (fields[3] ?? 0) - (fields[4] ?? 0), total };
}

/** Millicores in use between two readings, of `cores` cores. */
export function cpuMillisBetween(before: CpuTimes, after: CpuTimes, cores: number): number {
  const total = after.total - before.total;
  return total <= 0 ? 0 : Math.round(((after.busy - before.busy) / total) * cores * 1_000);
}

/** Bytes in use: what the kernel could not give without swapping (MemTotal − MemAvailable). */
export function parseMemoryUsed(meminfo: string): number {
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0);
  return (kilobytes('MemTotal') - kilobytes('MemAvailable')) * 1_024;
}

export async function readNodeUsage(): Promise<{ readonly cpu: CpuTimes; readonly memoryBytes: number }> {
  const [stat, meminfo] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    readFile('/proc/meminfo', 'utf8'),
  ]);
  return { cpu: parseCpuTimes(stat), memoryBytes: parseMemoryUsed(meminfo) };
}
