import { heldVolumes, maxHeldVolumes, type HeldVolumes } from '@gantry/model/volume';
import type * as wire from './gen/gantry/v1/volume.ts';

export function heldVolumesToWire({ held, leftOut }: HeldVolumes): wire.HeldVolumes {
  return { held: held.map(({ name, createdAt }) => ({ name, createdAt })), leftOut };
}

/** The bound holds here, too, whatever an agent says. */
export function heldVolumesToModel({ held, leftOut }: wire.HeldVolumes): HeldVolumes {
  const bounded = heldVolumes(held);
  return bounded.leftOut === 0
    ? { held: bounded.held, leftOut }
    : { held: bounded.held, leftOut: leftOut + held.length - maxHeldVolumes };
}
