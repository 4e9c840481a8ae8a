import { meets, parseConstraint } from '@gantry/model/constraint';
import type { Node } from '@gantry/model/node';
import type { SoftPlacement } from '@gantry/model/placement';
import type { Loads } from './loads.ts';
import type { Requirement } from './requirement.ts';

/** What one task of the service already on the host weighs: the measure of all preferences. */
const perTask = 100;
/** What it weighs that the image is not there yet. */
const perMissingImage = 10;
/** Leftovers are compared in this many steps a whole (cpu + memory: 2 wholes). */
const steps = 8_191;
const mostTasks = 4_095;
const mostDevices = 255;
const mostDislike = 2 ** 18 - 1;

/**
 * The order of nodes that fit, as one number; the smaller is the better. Grounds in the order of their weight:
 *
 * 1. dislike: 100 a task of the service there, the weights of unmet preferences, 10 if the image is not there;
 * 2. best fit: fewest countable devices left over, then least cpu and memory left over, so that big tasks still find room
 *    (only for a task that reserves something);
 * 3. fewest tasks. Then the node that came first.
 */
export function scoreOf(dislike: number, devicesLeft: number, left: number, tasks: number): number {
  const [d, g] = [Math.min(dislike, mostDislike), Math.min(Math.max(0, devicesLeft), mostDevices)];
  const l = Math.min(Math.max(0, Math.round((left * steps) / 2)), steps);
  return ((d * 256 + g) * 8_192 + l) * 4_096 + Math.min(tasks, mostTasks);
}

/** Scores the rows of the loads for a requirement; `dislike` is what preferences weigh on the row. */
export function scorer(loads: Loads, requirement: Requirement): (slot: number, dislike: number) => number {
  const { cpuMillis, memoryBytes, devices } = requirement;
  const reserves = cpuMillis > 0 || memoryBytes > 0 || devices.length > 0;
  const names = [...loads.devicesFree.keys()];
  const needed = new Map(devices);
  return (slot, dislike) => {
    const tasks = loads.tasks[slot] ?? 0;
    if (!reserves) return scoreOf(dislike, 0, 0, tasks);
    let devicesLeft = 0;
    for (const name of names)
      devicesLeft += (loads.devicesFree.get(name)?.[slot] ?? 0) - (needed.get(name) ?? 0);
    const description = loads.nodes[slot]?.description;
    const left =
      share((loads.cpuFree[slot] ?? 0) - cpuMillis, description?.cpuMillis ?? 0) +
      share((loads.memoryFree[slot] ?? 0) - memoryBytes, description?.memoryBytes ?? 0);
    return scoreOf(dislike, devicesLeft, left, tasks);
  };
}

/** A host that did not say what it has leaves nothing over. */
function share(left: number, whole: number): number {
  return whole > 0 && left > 0 ? left / whole : 0;
}

/** What tasks of the service and a missing image add to the dislike of a row. */
export function dislikeOf(ofService: number, hasImage: boolean): number {
  return ofService * perTask + (hasImage ? 0 : perMissingImage);
}

/** What the weighted preferences add: a liked host costs nothing, one that is not liked costs the weight. */
export function preferences({ prefer }: SoftPlacement): ((node: Node) => number) | undefined {
  if (prefer.length === 0) return undefined;
  const parsed = prefer.map(({ constraint, weight }) => ({
    constraint: parseConstraint(constraint),
    weight,
  }));
  return (node) => {
    let dislike = 0;
    for (const { constraint, weight } of parsed) {
      const liked = typeof constraint !== 'string' && meets(node, constraint);
      if (liked === weight < 0) dislike += Math.abs(weight);
    }
    return dislike;
  };
}
