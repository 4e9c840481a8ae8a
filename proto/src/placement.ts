import { preemptWords, type Placement } from '@gantry/model/placement';
import type * as wire from './gen/gantry/v1/placement.ts';
import { word } from './words.ts';

/** Where a service may and should run: model to wire and back, without loss. */
export function placementFromModel(value: Placement): wire.Placement {
  return {
    ...value,
    maxPerNode: value.maxPerNode,
    preempt: value.preempt,
    devices: { ...value.devices },
    near: [...value.near],
    apart: [...value.apart],
    spread: [...value.spread],
    prefer: value.prefer.map((preference) => ({ ...preference })),
  };
}

export function placementToModel({ maxPerNode, preempt, ...value }: wire.Placement): Placement {
  return {
    ...value,
    ...(maxPerNode !== undefined && { maxPerNode }),
    ...(preempt !== undefined && { preempt: word('placement.preempt', preempt, preemptWords) }),
  };
}
