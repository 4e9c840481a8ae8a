import { ulimitNames, type Ulimit } from '@gantry/model/limits';
import type { ContainerPlan } from '../runtime.ts';
import { deviceNodes, deviceRules } from './oci-devices.ts';
import { initTarget, maskedPaths, ociMounts, readonlyPaths } from './oci-mounts.ts';
import { ociLimits, type CgroupAbilities } from './oci-resources.ts';
import type { OciDevice, OciLinux, OciProcess, OciRlimit, OciSpec } from './oci-types.ts';
import { seccompProfile } from './seccomp.ts';

/** What the host can give and what it calls things; read once by `host-facts.ts`, devices for each container. */
export interface OciHost extends CgroupAbilities {
  /** Path of the container's cgroup below each controller's mount, e.g. `/gantry/<id>`. */
  readonly cgroupsPath: string;
  /** Hard limit of open files; a container never gets more, root may lack the right to raise it. */
  readonly maxOpenFiles: number;
  /** Hard limits of the agent by ulimit's name; those that are not named are unlimited. */
  readonly hardLimits?: Readonly<Record<string, number>>;
  /** The agent's own value, which a container never goes below: that needs a capability we may lack. Default 0. */
  readonly oomScoreAdj?: number;
  /** Capabilities that this host can give, with `CAP_`. Default: all. */
  readonly capabilities?: readonly string[];
  /** The kernel has AppArmor. Default: it has not. */
  readonly appArmor?: boolean;
  /** Architecture as Node names it: `x64`, `arm64`. Default: no 32-bit programs beside the native ones. */
  readonly arch?: string;
  /** A static init program on this host, if there is one. */
  readonly initPath?: string;
  /** Every device of this host, for those that may use them all. */
  readonly allDevices?: readonly OciDevice[];
}

/** The OCI configuration of a container: closed by default, opened only by what the plan names. */
export function ociSpec(plan: ContainerPlan, host: OciHost): OciSpec {
  const init = plan.init ? host.initPath : undefined;
  return {
    ociVersion: '1.0.2',
    process: ociProcess(plan, host, init !== undefined),
    root: { path: plan.rootfs, readonly: plan.readOnlyRootfs },
    hostname: plan.hostname,
    mounts: ociMounts(plan, init),
    annotations: plan.labels,
    linux: ociLinux(plan, host),
  };
}

function ociProcess(plan: ContainerPlan, host: OciHost, withInit: boolean): OciProcess {
  const { isolation } = plan;
  const { capabilities: given } = host;
  const capabilities =
    isolation?.everyCapability && given
      ? plan.capabilities.filter((name) => given.includes(name))
      : plan.capabilities;
  return {
    terminal: plan.terminal?.tty ?? false,
    user: { ...plan.user, umask: 0o022 },
    args: withInit ? [initTarget, '--', ...plan.argv] : plan.argv,
    env: plan.env,
    cwd: plan.cwd,
    // Nothing inheritable or ambient: a user other than root starts without any.
    capabilities: { bounding: capabilities, permitted: capabilities, effective: capabilities },
    rlimits: rlimits(plan.tuning?.ulimits ?? {}, host),
    noNewPrivileges: isolation?.noNewPrivileges ?? true,
    ...(isolation?.appArmor !== undefined && { apparmorProfile: isolation.appArmor }),
    oomScoreAdj: Math.max(isolation?.oomScoreAdj ?? 0, host.oomScoreAdj ?? 0),
  };
}

/** 1024 soft keeps select() and programs that walk all descriptors well; whoever needs more raises it to the hard limit. */
const defaultUlimits: Readonly<Record<string, Ulimit>> = {
  nofile: { soft: 1_024, hard: 524_288 },
  core: { soft: 0, hard: 0 },
};
/** As good as none, and still a number that JSON keeps exactly. */
const unlimited = Number.MAX_SAFE_INTEGER;

/** The defaults and what the plan asks for, never above the host's own hard limits: raising those takes a right we may lack. */
function rlimits(wanted: Readonly<Record<string, Ulimit>>, host: OciHost): readonly OciRlimit[] {
  const known = Object.entries({ ...defaultUlimits, ...wanted }).filter(([name]) =>
    ulimitNames.includes(name),
  );
  return known.map(([name, { soft, hard }]) => {
    const most = name === 'nofile' ? host.maxOpenFiles : (host.hardLimits?.[name] ?? unlimited);
    const within = (value: number): number => (value === -1 ? most : Math.min(value, most));
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: within(soft), hard: within(hard) };
  });
}

/** In place of CAP_NET_RAW and CAP_NET_BIND_SERVICE for users other than root: ping works, port 80 too. */
const defaultSysctls = {
  'net.ipv4.ping_group_range': '0 2147483647',
  'net.ipv4.ip_unprivileged_port_start': '0',
};

function ociLinux(plan: ContainerPlan, host: OciHost): OciLinux {
  const { isolation, domainname } = plan;
  const named = host.devices ?? new Map<string, OciDevice>();
  const nodes = deviceNodes(plan, named, host.allDevices ?? []);
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
    resources: { devices: deviceRules(plan, named), ...ociLimits(plan, host) },
    ...(nodes.length > 0 && { devices: nodes }),
    ...((isolation?.seccomp ?? true) && { seccomp: seccompProfile(plan.capabilities, host.arch) }),
    sysctl: {
      ...defaultSysctls,
      ...(domainname !== undefined && { 'kernel.domainname': domainname }),
      ...isolation?.sysctls,
    },
    maskedPaths: isolation?.openPaths ? [] : maskedPaths,
    readonlyPaths: isolation?.openPaths ? [] : readonlyPaths,
  };
}
