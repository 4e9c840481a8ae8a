import { access, readFile } from 'node:fs/promises';
import type { OciHost } from './oci-spec.ts';

/** Static init programs by where Debian's and Docker's packages put them; the first found is used. */
const inits = [
  '/usr/bin/catatonit',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/tini-static',
  '/usr/bin/docker-init',
];

/** What containers can be given on this host; read once, at the start of the agent. */
export async function readHostFacts(): Promise<Omit<OciHost, 'cgroupsPath'>> {
  const [limits, adjustment, swapLimit, init] = await Promise.all([
    readFile('/proc/self/limits', 'utf8'),
    readFile('/proc/self/oom_score_adj', 'utf8'),
    firstOf(['/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes', '/sys/fs/cgroup/cgroup.controllers']),
    firstOf(inits),
  ]);
  return {
    maxOpenFiles: maxOpenFilesIn(limits),
    oomScoreAdj: Number(adjustment),
    swapLimit: swapLimit !== undefined,
    arch: process.arch,
    ...(init !== undefined && { initPath: init }),
  };
}

/** The hard limit of open files in the text of /proc/PID/limits; 1024 if it does not say. */
export function maxOpenFilesIn(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? '1024';
  return hard === 'unlimited' ? 2 ** 20 : Number(hard);
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}
