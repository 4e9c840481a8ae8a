import { defaultPidsLimit } from '@gantry/model/service';
import type { ContainerMount, ContainerPlan } from '../runtime.ts';
import type {
  OciDeviceRule,
  OciLinux,
  OciMount,
  OciProcess,
  OciResources,
  OciRlimit,
  OciSpec,
} from './oci-types.ts';
import { seccompProfile } from './seccomp.ts';

/** What the host can give and what it calls things; read once by `host-facts.ts`. */
export interface OciHost {
  /** Path of the container's cgroup below each controller's mount, e.g. `/gantry/<id>`. */
  readonly cgroupsPath: string;
  /** Hard limit of open files; a container never gets more, root may lack the right to raise it. */
  readonly maxOpenFiles: number;
  /** The agent's own value, which a container never goes below: that needs a capability we may lack. Default 0. */
  readonly oomScoreAdj?: number;
  /** The kernel can limit swap per cgroup. Default: it cannot. */
  readonly swapLimit?: boolean;
  /** Architecture as Node names it: `x64`, `arm64`. Default: no 32-bit programs beside the native ones. */
  readonly arch?: string;
  /** A static init program on this host, if there is one. */
  readonly initPath?: string;
}

/** Where the host's init program appears in a container that asks for one. */
const initTarget = '/dev/init';

/** The OCI configuration of a container: closed by default, opened only by what the plan names. */
export function ociSpec(plan: ContainerPlan, host: OciHost): OciSpec {
  const init = plan.init ? host.initPath : undefined;
  return {
    ociVersion: '1.0.2',
    process: ociProcess(plan, host, init !== undefined),
    root: { path: plan.rootfs, readonly: plan.readOnlyRootfs },
    hostname: plan.hostname,
    mounts: [
      ...systemMounts,
      ...(init === undefined ? [] : [bindMount(init, initTarget, true)]),
      ...plan.mounts.map(ociMount),
    ],
    annotations: plan.labels,
    linux: ociLinux(plan, host),
  };
}

function ociProcess(plan: ContainerPlan, host: OciHost, withInit: boolean): OciProcess {
  return {
    terminal: false,
    user: { ...plan.user, umask: 0o022 },
    args: withInit ? [initTarget, '--', ...plan.argv] : plan.argv,
    env: plan.env,
    cwd: plan.cwd,
    // Nothing inheritable or ambient: a user other than root starts without any.
    capabilities: { bounding: plan.capabilities, permitted: plan.capabilities, effective: plan.capabilities },
    rlimits: rlimits(host),
    noNewPrivileges: true,
    oomScoreAdj: Math.max(0, host.oomScoreAdj ?? 0),
  };
}

/** 1024 soft keeps select() and programs that walk all descriptors well; whoever needs more raises it to the hard limit. */
function rlimits(host: OciHost): readonly OciRlimit[] {
  return [
    {
      type: 'RLIMIT_NOFILE',
      soft: Math.min(1024, host.maxOpenFiles),
      hard: Math.min(524_288, host.maxOpenFiles),
    },
    { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
  ];
}

function ociLinux(plan: ContainerPlan, host: OciHost): OciLinux {
  return {
    namespaces: [
      { type: 'pid' },
      { type: 'network', path: plan.netns },
      { type: 'ipc' },
      { type: 'uts' },
      { type: 'mount' },
      { type: 'cgroup' },
    ],
    cgroupsPath: host.cgroupsPath,
    resources: ociResources(plan, host),
    seccomp: seccompProfile(plan.capabilities, host.arch),
    // In place of CAP_NET_RAW and CAP_NET_BIND_SERVICE for users other than root: ping works, port 80 too.
    sysctl: { 'net.ipv4.ping_group_range': '0 2147483647', 'net.ipv4.ip_unprivileged_port_start': '0' },
    maskedPaths,
    readonlyPaths,
  };
}

const cpuPeriodMicros = 100_000;
/** Weight of a container without a CPU reservation: that of a tenth of a core, so that reservations win. */
const unreservedShares = 102;

function ociResources(plan: ContainerPlan, host: OciHost): OciResources {
  const { cpuMillis, memoryBytes, pids } = plan.limits;
  const reserved = plan.cpuReservationMillis;
  return {
    devices: deviceRules,
    cpu: {
      // 2 and 262144 are the kernel's bounds of cpu.shares, 1000 its least quota.
      shares:
        reserved === undefined
          ? unreservedShares
          : Math.min(262_144, Math.max(2, Math.floor((reserved * 1024) / 1000))),
      ...(cpuMillis !== undefined && {
        quota: Math.max(1000, Math.floor((cpuMillis * cpuPeriodMicros) / 1000)),
        period: cpuPeriodMicros,
      }),
    },
    ...(memoryBytes !== undefined && {
      // Memory and swap together: a container over its limit is ended, not slowed by swapping.
      memory: { limit: memoryBytes, ...(host.swapLimit && { swap: memoryBytes }) },
    }),
    pids: { limit: pids ?? defaultPidsLimit },
  };
}

function ociMount(mount: ContainerMount): OciMount {
  if (mount.kind === 'bind') return bindMount(mount.source, mount.target, mount.readOnly);
  const options = ['nosuid', 'nodev', 'noexec', 'mode=1777'];
  return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options };
}

function bindMount(source: string, destination: string, readOnly: boolean): OciMount {
  const options = ['bind', 'private', 'nosuid', 'nodev', readOnly ? 'ro' : 'rw'];
  return { destination, type: 'bind', source, options };
}

const device = (major: number, minor?: number): OciDeviceRule => ({
  allow: true,
  type: 'c',
  major,
  ...(minor !== undefined && { minor }),
  access: 'rwm',
});

/** null, zero, full, random, urandom, tty, console, ptmx, pts/*: what programs expect; no disks, no fuse. */
const deviceRules: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  ...[device(1, 3), device(1, 5), device(1, 7), device(1, 8), device(1, 9)],
  ...[device(5, 0), device(5, 1), device(5, 2), device(136)],
];

const closed = ['nosuid', 'noexec', 'nodev'];
const systemMounts: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: closed },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...closed, 'mode=1777', 'size=65536k'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: closed },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...closed, 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...closed, 'relatime', 'ro'] },
];

const maskedPaths: readonly string[] = [
  ...['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi'].map(inProc),
  ...['timer_list', 'timer_stats'].map(inProc),
  ...['/sys/devices/virtual/powercap', '/sys/firmware', '/sys/fs/selinux'],
];
const readonlyPaths: readonly string[] = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map(inProc);

function inProc(name: string): string {
  return `/proc/${name}`;
}
