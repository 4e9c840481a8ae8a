import { readdirSync, readFileSync } from 'node:fs';
import { benchCluster, type BenchCluster } from './cluster.ts';
import type { BenchResult, Figure } from './report.ts';

/** On one host: a /24 has 252 addresses, so 500 do not fit. */
const counts = [0, 100, 200] as const;
/** A host rests this long before it is watched, and is watched in windows of as long, ms. */
const windowMs = 10_000;
const windows = 3;

/** What a host with containers that do nothing costs: memory beside the workload, memory and CPU of agent and controller. */
export async function run(): Promise<BenchResult> {
  const cluster = await benchCluster(1);
  try {
    const figures: Figure[] = [];
    for (const count of counts) figures.push(...(await measure(cluster, count)));
    await cluster.remove();
    return {
      setup: `one host, containers of a local image that sleep; watched for ${windows} × ${windowMs / 1_000} s; CPU with all children`,
      figures,
    };
  } finally {
    await cluster.stop();
  }
}

async function measure(cluster: BenchCluster, count: number): Promise<readonly Figure[]> {
  await cluster.apply(count);
  await cluster.until(
    (tasks) => tasks.filter(({ status }) => status?.state === 'running').length >= count,
    180_000,
  );
  await pause(windowMs);
  const programs = ['agent-n1', 'controller'] as const;
  const pids = programs.map((name) => cluster.local.process(name).pid ?? 0);
  const cpu: number[][] = [[], []];
  for (let window = 0; window < windows; window++)
    (await cpuPercent(pids)).forEach((percent, index) => cpu[index]?.push(percent));
  const resident = pids.map((pid) => kilobytes(pid, 'status', 'VmRSS') / 1_024);
  const [memoryGoal, cpuGoal] = count === 0 ? ['', ''] : ['< 120 MB', '< 2 %'];
  const of = `with ${count} containers`;
  return [
    { what: `agent ${of}, resident`, ours: resident.slice(0, 1), target: memoryGoal, unit: 'MB' },
    { what: `agent ${of}, of one core`, ours: cpu[0] ?? [], target: cpuGoal, unit: '%' },
    { what: `controller ${of}, resident`, ours: resident.slice(1), target: '', unit: 'MB' },
    { what: `controller ${of}, of one core`, ours: cpu[1] ?? [], target: '< 1 %', unit: '%' },
    ...(count === 0 ? [] : monitorFigures(cluster, of)),
  ];
}

function monitorFigures(cluster: BenchCluster, of: string): readonly Figure[] {
  const monitors = pidsOf(
    (command) => /^[^\0]*conmon\0/.test(command) && command.includes(cluster.local.topology.runDir),
  );
  const resident = monitors.map((pid) => kilobytes(pid, 'status', 'VmRSS') / 1_024);
  const own = monitors.map((pid) => kilobytes(pid, 'smaps_rollup', 'Pss') / 1_024);
  return [
    { what: `monitor of a container ${of}, resident`, ours: resident, target: '≤ 3 MB', unit: 'MB' },
    { what: `monitor of a container ${of}, its share (PSS)`, ours: own, target: '≤ 3 MB', unit: 'MB' },
  ];
}

function pidsOf(isIt: (command: string) => boolean): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => isIt(read(`/proc/${pid}/cmdline`))).map(Number);
}

function kilobytes(pid: number, file: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/${file}`))?.[1] ?? NaN);
}

async function cpuPercent(pids: readonly number[]): Promise<readonly number[]> {
  const before = pids.map(ticks);
  const started = performance.now();
  await pause(windowMs);
  const ms = performance.now() - started;
  // USER_HZ is 100 on every Linux: a tick is 10 ms.
  return pids.map((pid, index) => (((ticks(pid) - (before[index] ?? 0)) * 10) / ms) * 100);
}

/** User and system time of a process, of the children it has waited for, and the same of the children it has. */
function ticks(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const own = fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return children.reduce((sum, child) => sum + ticks(child), own);
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
