import { isSafePath, isWhole, type Problem } from './rules.ts';

/**
 * How far a container is closed. `restricted`: no capability but NET_BIND_SERVICE on request, never root. `baseline`: nine
 * capabilities, what most images need. `privileged`: as good as a process of the host; only where the host allows it.
 */
export const profiles = ['restricted', 'baseline', 'privileged'] as const;
export type Profile = (typeof profiles)[number];

/** A device of the host in a container. */
export interface DeviceMapping {
  /** Path on the host. */
  readonly source: string;
  readonly target: string;
  /** Some of `r`, `w`, `m` (mknod). */
  readonly permissions: string;
}

/** What parts a container from its host and from others; what is absent is the closed default. */
export interface Isolation {
  /** Absent: baseline. */
  readonly profile?: Profile;
  /** False: programs with setuid or file capabilities gain them. */
  readonly noNewPrivileges?: boolean;
  /** Every system call is allowed. */
  readonly seccomp?: 'unconfined';
  /** /proc and /sys are shown as they are. */
  readonly systemPaths?: 'unconfined';
  /** A profile that the host must know; without AppArmor there the task is refused. */
  readonly appArmor?: string;
  /** Further groups of the first process: names of the image, or numbers. */
  readonly groups?: readonly string[];
  /** Kernel settings of the container's own namespaces. */
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly devices?: readonly DeviceMapping[];
  /** Root of the container is nobody on the host: ids come from a range of the task's own. */
  readonly userns?: 'auto';
  /** −1000 to 1000; higher is ended sooner when the host runs out of memory. */
  readonly oomScoreAdj?: number;
}

/** Capabilities that reach beyond the container: only where the host allows them. */
export const hostCapabilities: readonly string[] = [
  ...['SYS_ADMIN', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_BOOT', 'SYS_TIME', 'SYS_RESOURCE', 'SYS_PTRACE', 'SYSLOG'],
  ...[
    'DAC_READ_SEARCH',
    'BPF',
    'PERFMON',
    'CHECKPOINT_RESTORE',
    'MAC_ADMIN',
    'MAC_OVERRIDE',
    'AUDIT_CONTROL',
  ],
  ...['AUDIT_READ', 'SYS_PACCT', 'SYS_TTY_CONFIG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'LINUX_IMMUTABLE', 'ALL'],
];

/** The name without `CAP_`, in capitals. */
export function shortCapability(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, '');
}

/** Settings that belong to a namespace which is always the container's own (kernel: namespaces(7), runc's own list). */
const namespacedSysctls = /^(kernel\.(shm\w+|msg\w+|sem|domainname)|fs\.mqueue\.[\w.]+|net\.[\w./:-]+)$/;

interface Isolated {
  readonly isolation?: Isolation;
  readonly capAdd: readonly string[];
}

/** What is wrong with the isolation of a container; paths as in a container's spec. */
export function isolationProblems({ isolation, capAdd }: Isolated): readonly Problem[] {
  if (!isolation) return [];
  const problems: Problem[] = [];
  const wrong = (path: string, message: string): void => void problems.push({ path, message });
  for (const [name, value] of Object.entries(isolation.sysctls ?? {})) {
    if (!namespacedSysctls.test(name) || name.includes('..'))
      wrong(
        `isolation.sysctls.${name}`,
        `sysctl ${name} belongs to the whole host; a container may set net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*`,
      );
    else if (value === '' || /[\0\n]/.test(value))
      wrong(`isolation.sysctls.${name}`, `sysctl ${name} needs a value of one line`);
  }
  isolation.devices?.forEach((device, index) => {
    const at = `isolation.devices.${index}`;
    if (!isDevice(device.source) || !isDevice(device.target))
      wrong(at, `a device is a path below /dev on both sides, not "${device.source}:${device.target}"`);
    else if (!/^(?=.)r?w?m?$/.test(device.permissions))
      wrong(at, `"${device.permissions}" is no access to a device: write r, w, m or more of them, e.g. rw`);
  });
  for (const group of isolation.groups ?? []) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(group)) wrong('isolation.groups', `"${group}" is not a group`);
  }
  if (isolation.oomScoreAdj !== undefined && !isWhole(isolation.oomScoreAdj, -1000, 1000))
    wrong('isolation.oomScoreAdj', 'oom_score_adj must be a whole number from -1000 to 1000');
  if (isolation.profile === 'restricted') problems.push(...restrictedProblems(isolation, capAdd));
  if (isolation.profile === 'privileged' && isolation.userns)
    wrong('isolation.userns', 'a privileged container is root of its host and cannot have users of its own');
  return problems;
}

function isDevice(path: string): boolean {
  return isSafePath(path) && /^\/dev\/./.test(path);
}

function restrictedProblems(isolation: Isolation, capAdd: readonly string[]): readonly Problem[] {
  const cannot = (path: string, what: string): Problem => ({
    path,
    message: `the profile restricted does not allow ${what}; use the profile baseline`,
  });
  const more = capAdd.filter((name) => shortCapability(name) !== 'NET_BIND_SERVICE');
  return [
    ...(more.length > 0 ? [cannot('capabilities', `the capability ${more.join(', ')}`)] : []),
    ...(isolation.noNewPrivileges === false ? [cannot('isolation.noNewPrivileges', 'new privileges')] : []),
    ...(isolation.seccomp ? [cannot('isolation.seccomp', 'every system call')] : []),
    ...(isolation.systemPaths ? [cannot('isolation.systemPaths', 'all of /proc')] : []),
    ...(isolation.devices ? [cannot('isolation.devices', 'devices of the host')] : []),
  ];
}
