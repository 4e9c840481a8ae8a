import type { AnyObject } from '@gantry/model/objects';
import { defaultPlacement, hardPart } from '@gantry/model/placement';
import { aContainer, aNode, aRevision, aService, aSpec, aTask } from '../../tests/support/builders.ts';

/** A set-up in the manner of SwarmKit's scheduler benchmarks. */
export interface Shape {
  readonly name: string;
  readonly nodes: number;
  readonly tasks: number;
  readonly services: number;
  /** Each task reserves 100 millicores and 500 MiB. */
  readonly reserve: boolean;
  /** Spread over three zones. */
  readonly spread: boolean;
  /** Only on nodes with an SSD: every second one. */
  readonly constrained: boolean;
  /** SwarmKit's own rates on the reference host, tasks a second: deciding only, and with commits to its memory store. */
  readonly swarmkit: {
    readonly decide: readonly [number, number];
    readonly commit: readonly [number, number];
  };
}

const plain = { reserve: true, spread: false, constrained: false };

/** The rows that are compared; SwarmKit's figures as published in docs/performance.md, the median and the best run. */
export const shapes: readonly [Shape, ...Shape[]] = [
  { name: '1k/10k/100', nodes: 1_000, tasks: 10_000, services: 100, reserve: true, spread: true, constrained: true, swarmkit: { decide: [103_000, 125_000], commit: [13_700, 14_800] } },
  { name: '5k/50k/100', nodes: 5_000, tasks: 50_000, services: 100, ...plain, swarmkit: { decide: [126_000, 156_000], commit: [11_900, 13_500] } },
  { name: '5k/50k/1000', nodes: 5_000, tasks: 50_000, services: 1_000, ...plain, swarmkit: { decide: [40_000, 45_000], commit: [9_700, 10_900] } },
  { name: '100k/100k/100', nodes: 100_000, tasks: 100_000, services: 100, ...plain, swarmkit: { decide: [27_600, 42_000], commit: [8_100, 8_900] } },
]; // prettier-ignore

/** All objects of the set-up: nodes with room for everything, services, and tasks that wait. */
export function* objectsOf(shape: Shape): Iterable<AnyObject> {
  for (let index = 0; index < shape.nodes; index++) yield nodeOf(index);
  const placement = { ...defaultPlacement, spread: shape.spread ? ['node.labels.zone'] : [] };
  const constraints = shape.constrained ? ['node.labels.disk==ssd'] : [];
  const each = shape.tasks / shape.services;
  for (let service = 0; service < shape.services; service++) {
    const id = `s${service}`;
    const container = aContainer(
      shape.reserve ? { reservations: { cpuMillis: 100, memoryBytes: 500 * 2 ** 20 } } : {},
    );
    const spec = aSpec({
      name: id,
      constraints,
      placement,
      container,
      mode: { kind: 'replicated', replicas: each },
    });
    const revisionId = `${id}-r1`;
    yield aRevision({
      id: revisionId,
      serviceId: id,
      container,
      constraints,
      placement: hardPart(placement),
    });
    yield aService({ id, spec, revisionId });
    for (let slot = 1; slot <= each; slot++)
      yield aTask({ id: `t${service * each + slot}`, serviceId: id, revisionId, slot });
  }
}

function nodeOf(index: number): AnyObject {
  const id = `n${index}`;
  const node = aNode({
    id,
    name: id,
    labels: { zone: `z${index % 3}`, disk: index % 2 === 0 ? 'ssd' : 'hdd' },
  });
  const description = { ...node.description, cpuMillis: 32_000, memoryBytes: 128 * 2 ** 30 };
  return { ...node, description };
}
