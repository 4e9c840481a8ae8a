import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { ContainerLimits } from '../runtime.ts';
import { usageOf, writeThrottles, type CgroupHost } from './cgroups.ts';
import { readDevices } from './devices.ts';
import { blkioDevices, ociLimits, type CgroupAbilities } from './oci-resources.ts';

/** What acts on a container that runs. */
export interface ControlDeps {
  readonly exec: Exec;
  readonly runc: string;
  readonly runcRoot: string;
  readonly host: CgroupAbilities;
  readonly cgroups: CgroupHost;
  cgroupOf(id: string): string;
}

/** Stops all processes where they are (the freezer), or lets them go on. Nothing happens if it is so already. */
export async function setPaused(deps: ControlDeps, id: string, paused: boolean): Promise<void> {
  const verb = paused ? 'pause' : 'resume';
  const result = await deps.exec([deps.runc, '--root', deps.runcRoot, verb, id]);
  if (result.code === 0 || /not running|not paused|already paused/i.test(result.stderr)) return;
  throw new GantryError('internal', `${verb} failed: ${lastLine(result.stderr)}`);
}

/** Other limits for a running container. Throws `conflict` if it uses more memory than it should get. */
export async function updateLimits(deps: ControlDeps, id: string, limits: ContainerLimits): Promise<void> {
  refuseShrinking(deps, id, limits.limits.memoryBytes);
  const devices = await readDevices(blkioDevices(limits.tuning));
  const { blockIO, ...resources } = ociLimits(limits, { ...deps.host, devices });
  const weight = blockIO?.weight === undefined ? {} : { blockIO: { weight: blockIO.weight } };
  const argv = [deps.runc, '--root', deps.runcRoot, 'update', '--resources', '-', id];
  const result = await deps.exec(argv, { input: JSON.stringify({ ...resources, ...weight }) });
  if (result.code !== 0) throw updateFailure(result.stderr);
  if (blockIO) await writeThrottles(deps.cgroups, deps.cgroupOf(id), blockIO);
}

/** cgroup v1 would refuse, v2 would end processes: neither is what a changed number means. */
function refuseShrinking(deps: ControlDeps, id: string, limit: number | undefined): void {
  if (limit === undefined) return;
  const usage = usageOf(deps.cgroups, deps.cgroupOf(id));
  if (usage && usage.memoryBytes > limit) throw tooSmall(limit, usage.memoryBytes);
}

function tooSmall(limit: number, used: number): GantryError {
  return new GantryError(
    'conflict',
    `it uses ${mib(used)} of memory, more than its new limit of ${mib(limit)}`,
    {
      hint: 'the old limits stay until it uses less, or is restarted',
    },
  );
}

function updateFailure(said: string): GantryError {
  const text = lastLine(said);
  if (/resource busy/.test(text))
    return new GantryError('conflict', 'it uses more memory than its new limit', {
      hint: 'the old limits stay until it uses less, or is restarted',
    });
  return new GantryError('internal', `the limits could not be changed: ${text}`);
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 400) ?? '';
}
