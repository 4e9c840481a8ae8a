import type { ContainerPlan } from '../runtime.ts';
import type { OciDevice, OciDeviceRule } from './oci-types.ts';

const device = (major: number, minor?: number): OciDeviceRule => ({
  allow: true,
  type: 'c',
  major,
  ...(minor !== undefined && { minor }),
  access: 'rwm',
});

/** null, zero, full, random, urandom, tty, console, ptmx, pts/*: what programs expect; no disks, no fuse. */
const defaultRules: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  ...[device(1, 3), device(1, 5), device(1, 7), device(1, 8), device(1, 9)],
  ...[device(5, 0), device(5, 1), device(5, 2), device(136)],
];

/** Which devices a container may use: everything refused, then the few that programs expect, then what it names. */
export function deviceRules(
  plan: ContainerPlan,
  known: ReadonlyMap<string, OciDevice>,
): readonly OciDeviceRule[] {
  if (plan.isolation?.hostAccess) return [{ allow: true, access: 'rwm' }];
  const named = (plan.isolation?.devices ?? []).flatMap(({ source, permissions }): OciDeviceRule[] => {
    const found = known.get(source);
    if (!found) return [];
    const { type, major, minor } = found;
    return [{ allow: true, type, major, minor, access: permissions }];
  });
  return [...defaultRules, ...named];
}

/** Nodes that are made in the container's /dev beside runc's own. */
export function deviceNodes(
  plan: ContainerPlan,
  known: ReadonlyMap<string, OciDevice>,
  all: readonly OciDevice[],
): readonly OciDevice[] {
  const named = (plan.isolation?.devices ?? []).flatMap(({ source, target }): OciDevice[] => {
    const found = known.get(source);
    return found ? [{ ...found, path: target }] : [];
  });
  return plan.isolation?.hostAccess ? [...all, ...named] : named;
}
