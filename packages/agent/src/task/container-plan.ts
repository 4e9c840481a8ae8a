import { GantryError } from '@gantry/kit/errors';
import { defaultLogging } from '@gantry/model/logging';
import type { TaskAssignment } from '@gantry/model/assignment';
import { shortCapability } from '@gantry/model/isolation';
import { liveLimits } from '@gantry/model/limits';
import { type ContainerSpec, defaultPidsLimit } from '@gantry/model/service';
import type { ImageConfig } from '../images/images.ts';
import type { ContainerLimits, ContainerPlan, PlanIsolation } from '../runtime/runtime.ts';
import { containerCapabilities } from './capabilities.ts';
import { isInit } from './init-programs.ts';
import { containerMounts, type HostFiles } from './container-mounts.ts';

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
  readonly files: HostFiles;
  /** Where on the host each volume, config and secret is, by its target in the container. */
  readonly sources?: ReadonlyMap<string, string>;
}

/** PATH of containers whose image sets none (Docker's). */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The container that runs a task. Throws `invalid` when neither image nor service says what to run. */
export function containerPlan(input: ContainerPlanInput): ContainerPlan {
  const { task, image } = input;
  const spec = task.container;
  const hostname = containerHostname(task);
  const argv = containerArgv(spec, image);
  refuseRoot(spec, input.user);
  return {
    id: task.taskId,
    rootfs: input.rootfs,
    netns: input.netns,
    argv,
    env: containerEnv(input, hostname),
    cwd: spec.workingDir ?? (image.workingDir || '/'),
    user: input.user,
    hostname,
    readOnlyRootfs: spec.readOnly,
    init: spec.init ?? !isInit(argv[0] ?? ''),
    capabilities: containerCapabilities(spec.capAdd, spec.capDrop, spec.isolation?.profile),
    mounts: containerMounts(spec, input.files, input.sources ?? new Map()),
    limits: { ...spec.limits, pids: spec.limits.pids ?? defaultPidsLimit },
    ...(spec.reservations.cpuMillis !== undefined && { cpuReservationMillis: spec.reservations.cpuMillis }),
    ...(spec.reservations.memoryBytes !== undefined && {
      memoryReservationBytes: spec.reservations.memoryBytes,
    }),
    labels: containerLabels(task),
    logMaxBytes: (spec.logging ?? defaultLogging).maxBytes,
    ...(spec.naming?.domainname !== undefined && { domainname: spec.naming.domainname }),
    ...((spec.tty || spec.stdinOpen) && {
      terminal: { tty: spec.tty ?? false, stdinOpen: spec.stdinOpen ?? false },
    }),
    ...(spec.tuning && { tuning: spec.tuning }),
    isolation: planIsolation(spec),
  };
}

/** What a service's isolation means: its profile's rules, opened by what it names. */
export function planIsolation({ isolation = {}, capAdd }: ContainerSpec): PlanIsolation {
  const { profile = 'baseline', devices = [], sysctls = {}, appArmor, oomScoreAdj } = isolation;
  const privileged = profile === 'privileged';
  return {
    noNewPrivileges: isolation.noNewPrivileges ?? !privileged,
    seccomp: !privileged && isolation.seccomp !== 'unconfined',
    openPaths: privileged || isolation.systemPaths === 'unconfined',
    hostAccess: privileged,
    everyCapability: privileged || capAdd.some((name) => shortCapability(name) === 'ALL'),
    devices,
    sysctls,
    ...(appArmor !== undefined && { appArmor }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
  };
}

/** Limits for a container that runs already. */
export function planLimits(spec: ContainerSpec): ContainerLimits {
  const { cpuMillis } = spec.reservations;
  const { limits, tuning } = liveLimits(spec);
  return {
    limits: { ...limits, pids: limits.pids ?? defaultPidsLimit },
    tuning,
    ...(cpuMillis !== undefined && { cpuReservationMillis: cpuMillis }),
  };
}

function refuseRoot({ isolation, image }: ContainerSpec, user: ContainerPlan['user']): void {
  if (isolation?.profile !== 'restricted' || user.uid !== 0) return;
  throw new GantryError('invalid', `the profile restricted does not run as root, and ${image} would`, {
    hint: 'set user: to another one, e.g. user: "1000"',
  });
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

function containerLabels(task: TaskAssignment): Readonly<Record<string, string>> {
  return {
    ...task.container.labels,
    'gantry.task': task.taskId,
    'gantry.service': `${task.stack}/${task.service}`,
    'gantry.revision': task.revisionId,
  };
}
