import { readdirSync, readFileSync } from 'node:fs';
import { benchCluster } from './cluster.ts';
import type { BenchResult } from './report.ts';

const containers = 200;
/** The agent rests this long before it is watched, and is watched in windows of as long, ms. */
const windowMs = 10_000;
const windows = 5;

/** What a host with 200 containers costs that do nothing: memory beside the workload, memory and CPU of the agent. */
export async function run(): Promise<BenchResult> {
  const cluster = await benchCluster(1);
  try {
    await cluster.apply(containers);
    const isUp = (state?: string): boolean => state === 'running';
    await cluster.until(
      (tasks) => tasks.filter(({ status }) => isUp(status?.state)).length >= containers,
      180_000,
    );
    const agent = cluster.local.process('agent-n1').pid;
    if (agent === undefined) throw new Error('the agent does not run');
    await pause(windowMs);
    const cpu: number[] = [];
    for (let window = 0; window < windows; window++) cpu.push(await cpuPercent(agent));
    const monitors = pidsOf(
      (command) => /^[^\0]*conmon\0/.test(command) && command.includes(cluster.local.topology.runDir),
    );
    const resident = monitors.map((pid) => kilobytes(pid, 'status', 'VmRSS') / 1_024);
    const own = monitors.map((pid) => kilobytes(pid, 'smaps_rollup', 'Pss') / 1_024);
    const memory = [kilobytes(agent, 'status', 'VmRSS') / 1_024];
    await cluster.remove();
    return {
      setup: `one host, ${containers} containers of a local image that sleep; the agent watched for ${windows} × ${windowMs / 1_000} s`,
      figures: [
        { what: 'monitor of a container, resident', ours: resident, target: '≤ 3 MB', unit: 'MB' },
        { what: 'monitor of a container, its share (PSS)', ours: own, target: '≤ 3 MB', unit: 'MB' },
        { what: 'agent, resident', ours: memory, target: '< 120 MB', unit: 'MB' },
        { what: 'agent, of one core', ours: cpu, target: '< 2 %', unit: '%' },
      ],
    };
  } finally {
    await cluster.stop();
  }
}

function pidsOf(isIt: (command: string) => boolean): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => isIt(read(`/proc/${pid}/cmdline`))).map(Number);
}

function kilobytes(pid: number, file: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/${file}`))?.[1] ?? NaN);
}

async function cpuPercent(pid: number): Promise<number> {
  const before = ticks(pid);
  const started = performance.now();
  await pause(windowMs);
  // USER_HZ is 100 on every Linux: a tick is 10 ms.
  return (((ticks(pid) - before) * 10) / (performance.now() - started)) * 100;
}

/** User and system time of a process and of the children it has waited for. */
function ticks(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
