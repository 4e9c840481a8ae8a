import type { BlockIo, DeviceRate, Tuning } from '@gantry/model/limits';
import { defaultPidsLimit, type Resources } from '@gantry/model/service';
import type { OciBlockIo, OciCpu, OciDevice, OciMemory, OciResources, OciThrottle } from './oci-types.ts';

/** What limits are made of: a plan's fields, or those of an update. */
export interface LimitsInput {
  readonly limits: Resources;
  readonly cpuReservationMillis?: number;
  readonly memoryReservationBytes?: number;
  readonly tuning?: Tuning;
}

/** What this host's cgroups can do. */
export interface CgroupAbilities {
  readonly cgroupVersion?: 1 | 2;
  /** The kernel can limit swap per cgroup. Default: it cannot. */
  readonly swapLimit?: boolean;
  /** The kernel has weights for block I/O. Default: it has. */
  readonly blkioWeight?: boolean;
  /** Devices of this host that the container names, by their path. */
  readonly devices?: ReadonlyMap<string, OciDevice>;
}

/** Limits as runc takes them, for a new container and for one that runs; devices have rules of their own. */
export function ociLimits(input: LimitsInput, host: CgroupAbilities): Omit<OciResources, 'devices'> {
  const memory = ociMemory(input, host);
  const blockIO = ociBlockIo(input.tuning?.blkio, host);
  return {
    cpu: ociCpu(input),
    ...(memory && { memory }),
    pids: { limit: input.limits.pids ?? defaultPidsLimit },
    ...(blockIO && { blockIO }),
  };
}

/** What of the wanted limits this host cannot give, in words. */
export function missingLimits({ tuning = {} }: LimitsInput, host: CgroupAbilities): readonly string[] {
  const { blkio = {}, memorySwapBytes, swappiness, oomKillDisable } = tuning;
  const weights = blkio.weight !== undefined || blkio.weightDevices !== undefined;
  return [
    ...(weights && host.blkioWeight === false ? ['no block I/O weights on this host'] : []),
    ...(memorySwapBytes !== undefined && !host.swapLimit ? ['no limit of swap on this host'] : []),
    ...(swappiness !== undefined && host.cgroupVersion === 2 ? ['no mem_swappiness with cgroup v2'] : []),
    ...(oomKillDisable && host.cgroupVersion === 2 ? ['no oom_kill_disable with cgroup v2'] : []),
  ];
}

const cpuPeriodMicros = 100_000;
/** Weight of a container without a CPU reservation: that of a tenth of a core, so that reservations win. */
const unreservedShares = 102;

function ociCpu({ limits, cpuReservationMillis, tuning }: LimitsInput): OciCpu {
  const { cpuMillis } = limits;
  return {
    shares: tuning?.cpuShares ?? sharesOf(cpuReservationMillis),
    // 1000 is the kernel's least quota; -1 takes away the one of an earlier limit.
    quota: cpuMillis === undefined ? -1 : Math.max(1_000, Math.floor((cpuMillis * cpuPeriodMicros) / 1_000)),
    period: cpuPeriodMicros,
    ...(tuning?.cpuset !== undefined && { cpus: tuning.cpuset }),
  };
}

/** 2 and 262144 are the kernel's bounds of cpu.shares. */
function sharesOf(reserved: number | undefined): number {
  if (reserved === undefined) return unreservedShares;
  return Math.min(262_144, Math.max(2, Math.floor((reserved * 1_024) / 1_000)));
}

function ociMemory(input: LimitsInput, host: CgroupAbilities): OciMemory | undefined {
  const limit = input.limits.memoryBytes;
  const { memorySwapBytes, swappiness, oomKillDisable } = input.tuning ?? {};
  const first = host.cgroupVersion !== 2;
  const memory: OciMemory = {
    ...(limit !== undefined && { limit }),
    // Memory and swap together, equal by default: a container over its limit is ended, not slowed by swapping.
    ...(host.swapLimit && limit !== undefined && { swap: memorySwapBytes ?? limit }),
    ...(input.memoryReservationBytes !== undefined && { reservation: input.memoryReservationBytes }),
    ...(first && swappiness !== undefined && { swappiness }),
    ...(first && oomKillDisable && { disableOOMKiller: true }),
  };
  return Object.keys(memory).length > 0 ? memory : undefined;
}

function ociBlockIo(blkio: BlockIo | undefined, host: CgroupAbilities): OciBlockIo | undefined {
  if (!blkio) return undefined;
  const throttles = (rates: readonly DeviceRate[] = []): readonly OciThrottle[] =>
    rates.flatMap(({ path, rate }) => {
      const device = host.devices?.get(path);
      return device ? [{ major: device.major, minor: device.minor, rate }] : [];
    });
  const weights = host.blkioWeight !== false;
  return {
    ...(weights && blkio.weight !== undefined && { weight: blkio.weight }),
    ...(weights &&
      blkio.weightDevices && {
        weightDevice: throttles(blkio.weightDevices).map(({ rate, ...device }) => ({
          ...device,
          weight: rate,
        })),
      }),
    throttleReadBpsDevice: throttles(blkio.readBps),
    throttleWriteBpsDevice: throttles(blkio.writeBps),
    throttleReadIOPSDevice: throttles(blkio.readIops),
    throttleWriteIOPSDevice: throttles(blkio.writeIops),
  };
}

/** Paths of the devices that limits of block I/O name. */
export function blkioDevices({ blkio = {} }: Tuning): readonly string[] {
  const { weight: _weight, ...rates } = blkio;
  return Object.values(rates).flatMap((list) => list.map(({ path }) => path));
}
