import { isWhole, type Problem } from './rules.ts';
import type { ContainerSpec } from './service.ts';
import { same } from './same.ts';

/** Soft and hard limit of one resource of the first process; −1 is unlimited. */
export interface Ulimit {
  readonly soft: number;
  readonly hard: number;
}

/** A limit on one block device of the host. */
export interface DeviceRate {
  readonly path: string;
  /** Bytes or operations a second; a weight for weights. */
  readonly rate: number;
}

/** Block I/O: relative weights, and limits per device of the host. */
export interface BlockIo {
  /** 10 to 1000. */
  readonly weight?: number;
  readonly weightDevices?: readonly DeviceRate[];
  readonly readBps?: readonly DeviceRate[];
  readonly writeBps?: readonly DeviceRate[];
  readonly readIops?: readonly DeviceRate[];
  readonly writeIops?: readonly DeviceRate[];
}

/** Limits of a container's link, bits a second. */
export interface Bandwidth {
  /** From the container. */
  readonly egressBits?: number;
  /** To the container. */
  readonly ingressBits?: number;
}

/** Limits beyond processors, memory and processes, which are `Resources`. What is absent is the default. */
export interface Tuning {
  /** Relative weight among containers, in place of the one that follows from the reservation; 2 to 262144. */
  readonly cpuShares?: number;
  /** Processors it may run on, e.g. `0-1,3`. */
  readonly cpuset?: string;
  /** Memory and swap together, bytes; −1 is unlimited. Absent: no swap for a container with a memory limit. */
  readonly memorySwapBytes?: number;
  /** 0 to 100. */
  readonly swappiness?: number;
  /** A container beyond its memory limit waits for memory instead of being ended. */
  readonly oomKillDisable?: boolean;
  /** Size of /dev/shm, bytes; absent: 64 MiB. */
  readonly shmBytes?: number;
  /** By name without RLIMIT_, in small letters: `nofile`. */
  readonly ulimits?: Readonly<Record<string, Ulimit>>;
  readonly blkio?: BlockIo;
  readonly bandwidth?: Bandwidth;
}

/** Default size of /dev/shm, bytes (Docker's). */
export const defaultShmBytes = 64 * 2 ** 20;

export const ulimitNames: readonly string[] = [
  ...['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss'],
  ...['rtprio', 'rttime', 'sigpending', 'stack'],
];

/** What of a container's limits the kernel changes while it runs. */
export interface LiveLimits {
  readonly limits: ContainerSpec['limits'];
  readonly tuning: Pick<Tuning, (typeof liveTuning)[number]>;
}

const liveTuning = ['cpuShares', 'cpuset', 'memorySwapBytes', 'blkio', 'bandwidth'] as const;

export function liveLimits({ limits, tuning = {} }: ContainerSpec): LiveLimits {
  const live = Object.fromEntries(
    Object.entries(tuning).filter(([key]) => (liveTuning as readonly string[]).includes(key)),
  );
  return { limits, tuning: live };
}

/** The container with the live limits of another version of it. */
export function withLiveLimits(
  container: ContainerSpec,
  { limits, tuning: live }: LiveLimits,
): ContainerSpec {
  const kept = Object.fromEntries(
    Object.entries(container.tuning ?? {}).filter(
      ([key]) => !(liveTuning as readonly string[]).includes(key),
    ),
  );
  const tuning: Tuning = { ...kept, ...live };
  const { tuning: _tuning, ...rest } = container;
  return { ...rest, limits, ...(Object.keys(tuning).length > 0 && { tuning }) };
}

/** True if the two differ in nothing but limits that running containers can be given: no new container is needed. */
export function changesInPlace(before: ContainerSpec, after: ContainerSpec): boolean {
  if (limitsOther(before, after)) return false;
  const none: LiveLimits = { limits: {}, tuning: {} };
  return same(withLiveLimits(before, none), withLiveLimits(after, none));
}

/** These can be changed while a container runs, but not taken away: to have one or not makes another container. */
function limitsOther(before: ContainerSpec, after: ContainerSpec): boolean {
  return !same(named(before), named(after));
}

function named({ limits, tuning = {} }: ContainerSpec): readonly string[] {
  const names = [
    limits.memoryBytes !== undefined && 'memory',
    tuning.memorySwapBytes !== undefined && 'swap',
    tuning.cpuset !== undefined && 'cpuset',
    ...Object.entries(tuning.blkio ?? {}).flatMap(([kind, value]) =>
      Array.isArray(value) ? (value as DeviceRate[]).map(({ path }) => `${kind} ${path}`) : [kind],
    ),
  ];
  return names.filter((name) => name !== false).sort();
}

/** What is wrong with the limits of a container; paths as in a container's spec. */
export function tuningProblems({
  tuning,
  limits,
}: Pick<ContainerSpec, 'tuning' | 'limits'>): readonly Problem[] {
  if (!tuning) return [];
  const problems: Problem[] = [];
  const wrong = (path: string, message: string): void =>
    void problems.push({ path: `tuning.${path}`, message });
  const { cpuShares, cpuset, memorySwapBytes, swappiness, shmBytes } = tuning;
  if (cpuShares !== undefined && !isWhole(cpuShares, 2, 262_144))
    wrong('cpuShares', 'cpu_shares must be a whole number from 2 to 262144');
  if (cpuset !== undefined && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(cpuset))
    wrong('cpuset', `"${cpuset}" does not name processors; write e.g. 0-1 or 0,2`);
  if (memorySwapBytes !== undefined && memorySwapBytes !== -1) {
    if (limits.memoryBytes === undefined)
      wrong('memorySwapBytes', 'memswap_limit needs a memory limit beside it');
    else if (!isWhole(memorySwapBytes, limits.memoryBytes, Number.MAX_SAFE_INTEGER))
      wrong(
        'memorySwapBytes',
        'memswap_limit is memory and swap together and cannot be below the memory limit',
      );
  }
  if (swappiness !== undefined && !isWhole(swappiness, 0, 100))
    wrong('swappiness', 'mem_swappiness must be a whole number from 0 to 100');
  if (tuning.oomKillDisable && limits.memoryBytes === undefined)
    wrong(
      'oomKillDisable',
      'oom_kill_disable without a memory limit would let one container stop the whole host',
    );
  if (shmBytes !== undefined && !isWhole(shmBytes, 4_096, Number.MAX_SAFE_INTEGER))
    wrong('shmBytes', 'shm_size must be at least 4 KiB');
  return [
    ...problems,
    ...ulimitProblems(tuning),
    ...blkioProblems(tuning.blkio),
    ...bandwidthProblems(tuning),
  ];
}

function ulimitProblems({ ulimits = {} }: Tuning): readonly Problem[] {
  return Object.entries(ulimits).flatMap(([name, { soft, hard }]): Problem[] => {
    const path = `tuning.ulimits.${name}`;
    if (!ulimitNames.includes(name))
      return [{ path, message: `"${name}" is not a ulimit; known are ${ulimitNames.join(', ')}` }];
    const sound = [soft, hard].every((value) => isWhole(value, -1, Number.MAX_SAFE_INTEGER));
    if (!sound) return [{ path, message: `ulimit ${name} must be a whole number, or -1 for none` }];
    const above = hard !== -1 && (soft === -1 || soft > hard);
    return above ? [{ path, message: `the soft ulimit ${name} is above the hard one` }] : [];
  });
}

function blkioProblems(blkio: BlockIo = {}): readonly Problem[] {
  const { weight, weightDevices = [], ...rates } = blkio;
  const badWeight = [weight, ...weightDevices.map(({ rate }) => rate)].some(
    (value) => value !== undefined && !isWhole(value, 10, 1_000),
  );
  const devices = [...weightDevices, ...Object.values(rates).flat()];
  const badRate = Object.values(rates)
    .flat()
    .some(({ rate }) => !isWhole(rate, 1, Number.MAX_SAFE_INTEGER));
  const path = 'tuning.blkio';
  return [
    ...(badWeight ? [{ path, message: 'a block I/O weight must be a whole number from 10 to 1000' }] : []),
    ...(badRate ? [{ path, message: 'a block I/O rate must be above 0' }] : []),
    ...devices
      .filter((device) => !/^\/dev\/[^\0]+$/.test(device.path) || device.path.includes('..'))
      .map((device) => ({ path, message: `"${device.path}" is not a device, e.g. /dev/sda` })),
  ];
}

function bandwidthProblems({ bandwidth = {} }: Tuning): readonly Problem[] {
  // Below this a single packet would wait for seconds.
  const bad = Object.values(bandwidth).some((bits: number) => !isWhole(bits, 8_000, 10 ** 12));
  return bad
    ? [{ path: 'tuning.bandwidth', message: 'bandwidth must be from 8kbit to 1000gbit a second' }]
    : [];
}
