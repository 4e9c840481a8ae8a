import { mkdirSync, writeFileSync } from 'node:fs';
import { GantryError } from '@gantry/kit/errors';
import type { ContainerPlan } from '../runtime.ts';
import { readAllDevices, readDevices } from './devices.ts';
import type { Fifos } from './fifos.ts';
import type { ContainerPaths } from './layout.ts';
import { blkioDevices } from './oci-resources.ts';
import { ociSpec, type OciHost } from './oci-spec.ts';
import { writeMeta } from './records.ts';

export interface BundleInput {
  readonly fifos: Fifos;
  readonly paths: ContainerPaths;
  readonly host: OciHost;
  readonly bootId: string;
}

/** Writes all that conmon and runc read of a container. Throws `invalid` for what this host does not have. */
export async function writeBundle(plan: ContainerPlan, input: BundleInput): Promise<void> {
  const { isolation, tuning = {} } = plan;
  if (isolation?.appArmor !== undefined && !input.host.appArmor) {
    throw new GantryError(
      'invalid',
      `this host has no AppArmor, and the service asks for ${isolation.appArmor}`,
      {
        hint: 'place it on hosts that have it, or leave apparmor out of security_opt',
      },
    );
  }
  const named = [...(isolation?.devices ?? []).map(({ source }) => source), ...blkioDevices(tuning)];
  const [devices, allDevices] = await Promise.all([
    readDevices(named),
    isolation?.hostAccess ? readAllDevices() : [],
  ]);
  const { paths } = input;
  // On this thread: the run directory is memory, and a trip through the thread pool costs more than the write.
  mkdirSync(paths.bundle, { recursive: true, mode: 0o700 });
  const spec = ociSpec(plan, { ...input.host, devices, allDevices });
  writeFileSync(paths.config, JSON.stringify(spec), { mode: 0o600 });
  writeMeta(paths, { bootId: input.bootId });
  // The monitor will hold it open.
  await input.fifos.place(paths.alive);
}
