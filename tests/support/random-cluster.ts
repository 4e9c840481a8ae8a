import fc from 'fast-check';
import type { Node } from '@gantry/model/node';
import type { AnyObject } from '@gantry/model/objects';
import { defaultPlacement, hardPart, type Placement } from '@gantry/model/placement';
import type { Task } from '@gantry/model/task';
import { aContainer, aNode, aRevision, aService, aSpec, aTask } from './builders.ts';

const nodeIds = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
const serviceIds = ['a', 'b', 'c'];

const aHost = (id: string): fc.Arbitrary<Node> =>
  fc
    .record({
      zone: fc.constantFrom('x', 'y'),
      disk: fc.constantFrom('ssd', 'hdd'),
      cpuMillis: fc.constantFrom(1_000, 2_000),
      gpu: fc.constantFrom(0, 1, 2),
      state: fc.constantFrom('ready', 'ready', 'ready', 'down' as const),
      availability: fc.constantFrom('active', 'active', 'active', 'pause' as const),
    })
    .map(({ zone, disk, cpuMillis, gpu, state, availability }) => {
      const node = aNode({ id, name: id, labels: { zone, disk }, state, availability });
      return {
        ...node,
        description: { ...node.description, cpuMillis, ...(gpu > 0 && { devices: { gpu } }) },
      };
    });

const aRule: fc.Arbitrary<Placement> = fc
  .record({
    gpu: fc.constantFrom(0, 0, 1),
    maxPerNode: fc.constantFrom(undefined, undefined, 1, 2),
    near: fc.constantFrom<readonly string[]>([], [], ['shop/a']),
    apart: fc.constantFrom<readonly string[]>([], [], ['shop/b'], ['shop/c']),
    spread: fc.constantFrom<readonly string[]>(
      [],
      ['node.labels.zone'],
      ['node.labels.zone', 'node.labels.disk'],
    ),
    prefer: fc.constantFrom<Placement['prefer']>([], [{ constraint: 'node.labels.disk==ssd', weight: 50 }]),
    priority: fc.constantFrom(0, 0, 5),
  })
  .map(({ gpu, maxPerNode, ...rest }) => ({
    ...defaultPlacement,
    ...rest,
    devices: gpu > 0 ? { gpu } : {},
    ...(maxPerNode !== undefined && { maxPerNode }),
  }));

const someService = (id: string): fc.Arbitrary<readonly AnyObject[]> =>
  fc
    .record({
      placement: aRule,
      cpuMillis: fc.constantFrom(0, 300, 700),
      ssd: fc.boolean(),
      port: fc.boolean(),
    })
    .map(({ placement, cpuMillis, ssd, port }) => {
      const constraints = ssd ? ['node.labels.disk==ssd'] : [];
      const revision = aRevision({
        id: `${id}-r`,
        serviceId: id,
        container: aContainer(cpuMillis > 0 ? { reservations: { cpuMillis } } : {}),
        constraints,
        placement: hardPart(placement),
        ports: port ? [{ target: 80, published: 8080, protocol: 'tcp', mode: 'host' }] : [],
      });
      return [
        revision,
        aService({ id, spec: aSpec({ name: id, placement, constraints }), revisionId: revision.id }),
      ];
    });

const someTask = (id: string): fc.Arbitrary<Task> =>
  fc
    .record({
      service: fc.constantFrom(...serviceIds),
      node: fc.option(fc.constantFrom(...nodeIds), { nil: undefined, freq: 2 }),
      state: fc.constantFrom('running', 'assigned', 'failed' as const),
    })
    .map(({ service, node, state }) => {
      const status = {
        state: node === undefined ? 'pending' : state,
        at: 0,
        reason: 'by chance',
        ready: false,
      } as const;
      return aTask({
        id,
        serviceId: service,
        revisionId: `${service}-r`,
        status,
        ...(node !== undefined && { nodeId: node }),
      });
    });

/** Six hosts, three services with all kinds of rules, and twelve tasks, some of which wait. */
export const someObjects: fc.Arbitrary<readonly AnyObject[]> = fc
  .tuple(
    fc.tuple(...nodeIds.map(aHost)),
    fc.tuple(...serviceIds.map(someService)),
    fc.tuple(...Array.from({ length: 12 }, (_, index) => someTask(`t${String(index).padStart(2, '0')}`))),
  )
  .map(([nodes, services, tasks]) => [...nodes, ...services.flat(), ...tasks]);
