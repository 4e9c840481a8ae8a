import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OciHost } from './oci-spec.ts';

/** Static init programs by where Debian's and Docker's packages put them; the first found is used. */
const inits = [
  '/usr/bin/catatonit',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/tini-static',
  '/usr/bin/docker-init',
];

/** What containers can be given on this host; read once, at the start of the agent. */
export async function readHostFacts(cgroupParent: string): Promise<Omit<OciHost, 'cgroupsPath'>> {
  const [limits, status, adjustment, swapLimit, unified, init, appArmor] = await Promise.all([
    readFile('/proc/self/limits', 'utf8'),
    readFile('/proc/self/status', 'utf8'),
    readFile('/proc/self/oom_score_adj', 'utf8'),
    firstOf(['/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes', '/sys/fs/cgroup/cgroup.controllers']),
    firstOf(['/sys/fs/cgroup/cgroup.controllers']),
    firstOf(inits),
    readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => 'N'),
  ]);
  return {
    maxOpenFiles: maxOpenFilesIn(limits),
    hardLimits: hardLimitsIn(limits),
    capabilities: capabilitiesIn(status),
    cgroupVersion: unified === undefined ? 1 : 2,
    blkioWeight: unified === undefined ? await hasBlkioWeight(cgroupParent) : true,
    appArmor: appArmor.startsWith('Y'),
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

/** Names as in /proc/PID/limits → names of ulimits. */
const limitNames: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

/** Hard limits by ulimit's name in the text of /proc/PID/limits; those without a limit are left out. */
export function hardLimitsIn(limits: string): Readonly<Record<string, number>> {
  const found = [...limits.matchAll(/^(Max [a-z ]+?)\s{2,}\S+\s+(\d+)\s/gm)];
  return Object.fromEntries(
    found.flatMap(([, label = '', hard]) => {
      const name = limitNames[label];
      return name === undefined ? [] : [[name, Number(hard)]];
    }),
  );
}

/** The bounding set in the text of /proc/PID/status, as names. */
export function capabilitiesIn(status: string): readonly string[] {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return capabilityNames.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n).map((name) => `CAP_${name}`);
}

/** In the order of their numbers (linux/capability.h). */
const capabilityNames: readonly string[] = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...[
    'LINUX_IMMUTABLE',
    'NET_BIND_SERVICE',
    'NET_BROADCAST',
    'NET_ADMIN',
    'NET_RAW',
    'IPC_LOCK',
    'IPC_OWNER',
  ],
  ...[
    'SYS_MODULE',
    'SYS_RAWIO',
    'SYS_CHROOT',
    'SYS_PTRACE',
    'SYS_PACCT',
    'SYS_ADMIN',
    'SYS_BOOT',
    'SYS_NICE',
  ],
  ...[
    'SYS_RESOURCE',
    'SYS_TIME',
    'SYS_TTY_CONFIG',
    'MKNOD',
    'LEASE',
    'AUDIT_WRITE',
    'AUDIT_CONTROL',
    'SETFCAP',
  ],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  ...['CHECKPOINT_RESTORE'],
];

/** Only a cgroup below the root has the file, so one is made: the parent of our containers. */
async function hasBlkioWeight(cgroupParent: string): Promise<boolean> {
  const parent = join('/sys/fs/cgroup/blkio', cgroupParent);
  await mkdir(parent).catch(() => undefined);
  const files = ['blkio.weight', 'blkio.bfq.weight'].map((name) => join(parent, name));
  return (await firstOf(files)) !== undefined;
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
