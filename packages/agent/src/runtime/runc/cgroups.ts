import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerUsage } from '../runtime.ts';

/** The cgroup hierarchies of this host: one on v2, one a controller on v1 (also hybrid). */
export interface CgroupHost {
  readonly version: 1 | 2;
  /** Directories below which a container's cgroup may be. */
  readonly roots: readonly string[];
}

const mount = '/sys/fs/cgroup';

export async function findCgroups(): Promise<CgroupHost> {
  const names = await readdir(mount).catch((): string[] => []);
  if (names.includes('cgroup.controllers')) return { version: 2, roots: [mount] };
  return { version: 1, roots: names.map((name) => join(mount, name)) };
}

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

export async function usageOf(host: CgroupHost, path: string): Promise<ContainerUsage | undefined> {
  const read = (root: string, file: string): Promise<string> =>
    readFile(join(root, path, file), 'utf8').catch(() => '');
  if (host.version === 2) {
    const [cpu, memory, pids] = await Promise.all(
      ['cpu.stat', 'memory.current', 'pids.current'].map((file) => read(mount, file)),
    );
    if (!memory) return undefined;
    const micros = /^usage_usec (\d+)/m.exec(cpu ?? '')?.[1];
    return { cpuMicros: Number(micros ?? 0), memoryBytes: Number(memory), pids: Number(pids) };
  }
  const [nanos, memory, pids] = await Promise.all([
    read(join(mount, 'cpuacct'), 'cpuacct.usage'),
    read(join(mount, 'memory'), 'memory.usage_in_bytes'),
    read(join(mount, 'pids'), 'pids.current'),
  ]);
  if (!memory) return undefined;
  return { cpuMicros: Math.round(Number(nanos) / 1_000), memoryBytes: Number(memory), pids: Number(pids) };
}
