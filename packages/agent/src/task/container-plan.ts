import { GantryError } from '@gantry/kit/errors';
import type { TaskAssignment } from '@gantry/model/assignment';
import { type ContainerSpec, defaultPidsLimit } from '@gantry/model/service';
import type { ImageConfig } from '../images/images.ts';
import type { ContainerMount, ContainerPlan } from '../runtime/runtime.ts';

/** What the runner has prepared for one container before the runtime is asked to make it. */
export interface ContainerPlanInput {
  readonly task: TaskAssignment;
  readonly image: ImageConfig;
  /** Path of the mounted root file system. */
  readonly rootfs: string;
  /** Path of the network namespace. */
  readonly netns: string;
  /** The user as resolved in the image. */
  readonly user: ContainerPlan['user'];
  /** The user's home in the image's /etc/passwd; absent means `/root` for uid 0, else `/`. */
  readonly home?: string;
  /** Files on the host that replace the image's own. */
  readonly files: { readonly resolvConf: string; readonly hosts: string; readonly hostname: string };
}

/** What every container may do unless the user says otherwise: nothing that reaches beyond the container. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_KILL',
];

/** PATH of containers whose image sets none (Docker's). */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The container that runs a task. Throws `invalid` when neither image nor service says what to run. */
export function containerPlan(input: ContainerPlanInput): ContainerPlan {
  const { task, image } = input;
  const spec = task.container;
  const hostname = containerHostname(task);
  return {
    id: task.taskId,
    rootfs: input.rootfs,
    netns: input.netns,
    argv: containerArgv(spec, image),
    env: containerEnv(input, hostname),
    cwd: spec.workingDir ?? (image.workingDir || '/'),
    user: input.user,
    hostname,
    readOnlyRootfs: spec.readOnly,
    init: spec.init,
    capabilities: containerCapabilities(spec.capAdd, spec.capDrop),
    mounts: containerMounts(spec, input.files),
    limits: { ...spec.limits, pids: spec.limits.pids ?? defaultPidsLimit },
    ...(spec.reservations.cpuMillis !== undefined && { cpuReservationMillis: spec.reservations.cpuMillis }),
    labels: containerLabels(task),
  };
}

/** The name a container has for itself: the user's choice, else `service-slot` (`service` for a global service). */
export function containerHostname(task: TaskAssignment): string {
  const name = task.slot === 0 ? task.service : `${task.service}-${task.slot}`;
  return task.container.hostname ?? name.slice(0, 63); // the kernel allows 64 bytes, a DNS label 63
}

/** Docker's rule: an entrypoint of the user's drops the image's CMD along with its ENTRYPOINT. */
function containerArgv(spec: ContainerSpec, image: ImageConfig): readonly string[] {
  const entrypoint = spec.entrypoint ?? image.entrypoint;
  const command = spec.command ?? (spec.entrypoint === undefined ? image.command : []);
  const argv = [...entrypoint, ...command];
  if (argv.length > 0) return argv;
  throw new GantryError('invalid', `image ${spec.image} does not say what to run`, {
    hint: 'set `command:` in the service, or CMD in the image',
  });
}

/** Defaults, then the image's, then the service's; the last one wins. */
function containerEnv(input: ContainerPlanInput, hostname: string): readonly string[] {
  const env = new Map([
    ['PATH', defaultPath],
    ['HOSTNAME', hostname],
    ['HOME', input.home ?? (input.user.uid === 0 ? '/root' : '/')],
  ]);
  for (const line of input.image.env) {
    const at = line.indexOf('=');
    env.set(at < 0 ? line : line.slice(0, at), at < 0 ? '' : line.slice(at + 1));
  }
  for (const [name, value] of Object.entries(input.task.container.env)) env.set(name, value);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

/** `ALL` in `drop` empties the defaults, `ALL` in `add` gives everything; single names are applied after it. */
export function containerCapabilities(add: readonly string[], drop: readonly string[]): readonly string[] {
  const added = add.map(capabilityName);
  const dropped = drop.map(capabilityName);
  const base = added.includes('CAP_ALL') ? allCapabilities : defaultCapabilities;
  const kept = dropped.includes('CAP_ALL') ? [] : base.filter((name) => !dropped.includes(name));
  return [...new Set([...kept, ...added.filter((name) => name !== 'CAP_ALL')])];
}

function capabilityName(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}

function containerMounts(spec: ContainerSpec, files: ContainerPlanInput['files']): readonly ContainerMount[] {
  const bind = (source: string, target: string): ContainerMount => ({
    kind: 'bind',
    source,
    target,
    readOnly: true,
  });
  return [
    ...spec.tmpfs.map((target): ContainerMount => ({ kind: 'tmpfs', target })),
    bind(files.resolvConf, '/etc/resolv.conf'),
    bind(files.hosts, '/etc/hosts'),
    bind(files.hostname, '/etc/hostname'),
  ];
}

function containerLabels(task: TaskAssignment): Readonly<Record<string, string>> {
  return {
    ...task.container.labels,
    'gantry.task': task.taskId,
    'gantry.service': `${task.stack}/${task.service}`,
    'gantry.revision': task.revisionId,
  };
}

/** linux/capability.h as of 5.9, the newest list that runc 1.1 knows. */
const allCapabilities: readonly string[] = [
  ...defaultCapabilities,
  ...['CAP_DAC_READ_SEARCH', 'CAP_LINUX_IMMUTABLE', 'CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_NET_RAW'],
  ...['CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_CHROOT', 'CAP_SYS_PTRACE'],
  ...['CAP_SYS_PACCT', 'CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_NICE', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME'],
  ...['CAP_SYS_TTY_CONFIG', 'CAP_MKNOD', 'CAP_LEASE', 'CAP_AUDIT_WRITE', 'CAP_AUDIT_CONTROL', 'CAP_SETFCAP'],
  ...['CAP_MAC_OVERRIDE', 'CAP_MAC_ADMIN', 'CAP_SYSLOG', 'CAP_WAKE_ALARM', 'CAP_BLOCK_SUSPEND'],
  ...['CAP_AUDIT_READ', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'],
];
