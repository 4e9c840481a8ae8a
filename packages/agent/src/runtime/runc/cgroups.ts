import { readFileSync } from 'node:fs';
import { open, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerUsage } from '../runtime.ts';
import type { OciBlockIo } from './oci-types.ts';

/** The cgroup hierarchies of this host: one on v2, one a controller on v1 (also hybrid). */
export interface CgroupHost {
  readonly version: 1 | 2;
  /** Directories below which a container's cgroup may be. */
  readonly roots: readonly string[];
  readonly usage: UsageFiles;
}

/** Where usage is read: for each file the hierarchy's root, and the file's name below a container's cgroup. */
type UsageFiles = Readonly<
  Record<'cpu' | 'memory' | 'memoryStat' | 'pids', readonly [root: string, file: string]>
>;

const mount = '/sys/fs/cgroup';

export async function findCgroups(): Promise<CgroupHost> {
  const names = await readdir(mount).catch((): string[] => []);
  if (names.includes('cgroup.controllers')) return { version: 2, roots: [mount], usage: secondUsage };
  return { version: 1, roots: names.map((name) => join(mount, name)), usage: firstUsage };
}

const firstUsage: UsageFiles = {
  cpu: [`${mount}/cpuacct`, 'cpuacct.usage'], // nanoseconds
  memory: [`${mount}/memory`, 'memory.usage_in_bytes'],
  memoryStat: [`${mount}/memory`, 'memory.stat'],
  pids: [`${mount}/pids`, 'pids.current'],
};
const secondUsage: UsageFiles = {
  cpu: [mount, 'cpu.stat'],
  memory: [mount, 'memory.current'],
  memoryStat: [mount, 'memory.stat'],
  pids: [mount, 'pids.current'],
};

/** Pids of every process in the container's cgroup and below it. */
export async function pidsIn(host: CgroupHost, path: string): Promise<readonly number[]> {
  const preferred = host.version === 2 ? host.roots : [join(mount, 'pids'), join(mount, 'memory')];
  const found = await Promise.all(preferred.map((root) => processesBelow(join(root, path))));
  return [...new Set(found.flat())];
}

async function processesBelow(dir: string): Promise<readonly number[]> {
  const own = (await readFile(join(dir, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const below = await Promise.all((await subdirectories(dir)).map(processesBelow));
  return [...own.map(Number), ...below.flat()];
}

/** Removes the container's cgroup in every hierarchy; false if processes still hold one. */
export async function removeCgroups(host: CgroupHost, path: string): Promise<boolean> {
  const done = await Promise.all(host.roots.map((root) => removeTree(join(root, path))));
  return done.every(Boolean);
}

async function removeTree(dir: string): Promise<boolean> {
  for (const child of await subdirectories(dir)) await removeTree(child);
  return rmdir(dir).then(
    () => true,
    (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'EBUSY'),
  );
}

async function subdirectories(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name));
}

/**
 * What the container uses now, page cache that the kernel can take back at once left out; undefined if it is gone. Read on this
 * thread: these files are the kernel's memory, a few microseconds each, and a trip through the thread pool costs ten times that.
 */
export function usageOf(host: CgroupHost, path: string): ContainerUsage | undefined {
  const { usage } = host;
  const memory = readNow(usage.memory, path);
  if (memory === '') return undefined;
  const cpu = readNow(usage.cpu, path);
  const inactive = host.version === 2 ? /^inactive_file (\d+)/m : /^total_inactive_file (\d+)/m;
  return {
    cpuMicros: host.version === 2 ? numberIn(cpu, /^usage_usec (\d+)/m) : Math.round(Number(cpu) / 1_000),
    memoryBytes: Math.max(0, Number(memory) - numberIn(readNow(usage.memoryStat, path), inactive)),
    pids: Number(readNow(usage.pids, path)),
  };
}

function readNow([root, file]: readonly [root: string, file: string], path: string): string {
  try {
    return readFileSync(`${root}/${path}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Processes in the container that the kernel has ended for memory so far; undefined if its cgroup is gone. */
export async function oomKillsOf(host: CgroupHost, path: string): Promise<number | undefined> {
  const file =
    host.version === 2
      ? join(mount, path, 'memory.events')
      : join(mount, 'memory', path, 'memory.oom_control');
  const count = /^oom_kill (\d+)/m.exec(await readFile(file, 'utf8').catch(() => ''))?.[1];
  return count === undefined ? undefined : Number(count);
}

/** Lets processes of a frozen cgroup go on; else none of them can be ended. */
export async function thaw(host: CgroupHost, path: string): Promise<void> {
  const [file, word] =
    host.version === 2
      ? [join(mount, path, 'cgroup.freeze'), '0']
      : [join(mount, 'freezer', path, 'freezer.state'), 'THAWED'];
  await writeExisting(file, word);
}

/** Rates of block I/O of a running container; `runc update` knows only weights. */
export async function writeThrottles(host: CgroupHost, path: string, blkio: OciBlockIo): Promise<void> {
  for (const [key, v1, v2] of throttleFiles) {
    for (const { major, minor, rate } of blkio[key] ?? []) {
      if (host.version === 2)
        await writeExisting(join(mount, path, 'io.max'), `${major}:${minor} ${v2}=${rate}`);
      else await writeExisting(join(mount, 'blkio', path, v1), `${major}:${minor} ${rate}`);
    }
  }
}

const throttleFiles = [
  ['throttleReadBpsDevice', 'blkio.throttle.read_bps_device', 'rbps'],
  ['throttleWriteBpsDevice', 'blkio.throttle.write_bps_device', 'wbps'],
  ['throttleReadIOPSDevice', 'blkio.throttle.read_iops_device', 'riops'],
  ['throttleWriteIOPSDevice', 'blkio.throttle.write_iops_device', 'wiops'],
] as const;

/** Never makes a file: in a cgroup that is gone there is nothing to say. */
async function writeExisting(file: string, text: string): Promise<void> {
  const handle = await open(file, 'r+').catch(() => undefined);
  if (!handle) return;
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}
