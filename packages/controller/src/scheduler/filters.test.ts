import { describe, expect, test } from 'vitest';
import type { Node } from '@gantry/model/node';
import type { HardPlacement } from '@gantry/model/placement';
import type { Revision } from '@gantry/model/service';
import { aContainer, aNode, aRevision, aTask } from '../../../../tests/support/builders.ts';
import { refusal } from './filters.ts';
import { loadOf } from './loads.ts';
import { requirementOf, type Surroundings } from './requirement.ts';

const free: HardPlacement = { devices: {}, near: [], apart: [] };
const reserve = (cpuMillis: number): Partial<Revision> => ({
  container: aContainer({ reservations: { cpuMillis } }),
});
const held = { id: 'held', serviceId: 'other', ...reserve(3_000) };
const hostPort = { target: 80, published: 8080, protocol: 'tcp', mode: 'host' } as const;
const gpus = { ...aNode().description, devices: { gpu: 2 } };

/** A node that has one task of `held`, and what it says to a task of the revision. */
const cases: readonly (readonly [
  what: string,
  node: Partial<Node>,
  held: Partial<Revision>,
  revision: Partial<Revision>,
  answer: string | undefined,
  around?: Surroundings,
])[] = [
  ['takes what it has room for', {}, held, reserve(1_000), undefined],
  ['refuses while it is down', { state: 'down' }, held, {}, 'is down'],
  ['refuses while it is silent', { silentSince: 1 }, held, {}, 'is silent'],
  ['refuses when cordoned', { availability: 'pause' }, held, {}, 'is cordoned'],
  ['refuses when drained', { availability: 'drain' }, held, {}, 'is drained'],
  ['refuses while its disk is full', { pressure: '97 % of the disk is used' }, held, {}, 'DiskPressure: 97 % of the disk is used'],
  ['refuses by a constraint', { labels: { disk: 'hdd' } }, held, { constraints: ['node.labels.disk==ssd'] }, 'node.labels.disk==ssd is not met: it has hdd'],
  ['refuses by cpu', {}, held, reserve(1_001), 'cpu: 1.00 of 4.00 free, 1.00 needed'],
  ['refuses by memory', {}, held, { container: aContainer({ reservations: { memoryBytes: 9 * 2 ** 30 } }) }, 'memory: 8192 MiB of 8192 MiB free, 9216 MiB needed'],
  ['refuses a device that it has not', {}, held, { placement: { ...free, devices: { gpu: 1 } } }, 'gpu: 0 of 0 free, 1 needed'],
  ['counts devices that are taken', { description: gpus }, { ...held, placement: { ...free, devices: { gpu: 1 } } }, { placement: { ...free, devices: { gpu: 2 } } }, 'gpu: 1 of 2 free, 2 needed'],
  ['refuses a host port that is taken', {}, { ...held, ports: [hostPort] }, { ports: [hostPort] }, 'host port 8080/tcp is taken'],
  ['refuses what wants to be near another service', {}, held, {}, 'has no task of shop/db', { near: [{ name: 'shop/db', id: 'db' }] }],
  ['takes what is near', {}, held, {}, undefined, { near: [{ name: 'shop/other', id: 'other' }] }],
  ['refuses what wants to be apart', {}, held, {}, 'has a task of shop/other', { apart: [{ name: 'shop/other', id: 'other' }] }],
  ['refuses more tasks of the service than a host may have', {}, { ...held, serviceId: 'web' }, { placement: { ...free, maxPerNode: 1 } }, 'has 1 tasks of the service, and a host may have 1'],
]; // prettier-ignore

describe('a node', () => {
  for (const [what, node, holding, more, answer, around] of cases) {
    test(what, () => {
      const there = aRevision(holding);
      const load = loadOf(aNode(node), [aTask({ revisionId: there.id, nodeId: 'n' })], () => there);
      const requirement = requirementOf(aRevision({ serviceId: 'web', ...more }), around);
      expect(refusal(load, requirement)).toBe(answer);
    });
  }
});
