import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Node } from '@gantry/model/node';
import type { Revision } from '@gantry/model/service';
import { aContainer, aNode, aRevision, aTask, viewOf } from '../../../../tests/support/builders.ts';
import { clusterOf } from './cluster.ts';
import { explain, type Explanation } from './explain.ts';
import { refusal } from './filters.ts';
import { requirementOf } from './requirement.ts';

const free = { devices: {}, near: [], apart: [] };

function explained(nodes: readonly Node[], revision: Revision, taken: readonly number[] = []): Explanation {
  const others = taken.map((cpuMillis, index) =>
    aRevision({
      id: `other-${index}`,
      serviceId: 'other',
      container: aContainer({ reservations: { cpuMillis } }),
    }),
  );
  const tasks = others.map(({ id }, index) =>
    aTask({ id: `t-${index}`, serviceId: 'other', revisionId: id, nodeId: nodes[index]?.id ?? '' }),
  );
  const view = viewOf([...nodes, revision, ...others, ...tasks]);
  return explain(view.derived(clusterOf), requirementOf(revision));
}

function asking(cpuMillis: number, more: Partial<Revision> = {}): Revision {
  return aRevision({ serviceId: 'web', container: aContainer({ reservations: { cpuMillis } }), ...more });
}

const words = (of: Explanation): string | undefined => of.smallestChange?.words;

describe('the smallest change that makes a task fit', () => {
  const n1 = aNode({ id: 'n1', name: 'n1' });
  const n2 = aNode({ id: 'n2', name: 'n2' });

  test('is none when a host fits', () => {
    const of = explained([n1, { ...n2, availability: 'pause' }], asking(1_000));
    expect(of.smallestChange).toBeUndefined();
    expect(of.perNode.map(({ name, fits }) => [name, fits])).toEqual([
      ['n1', true],
      ['n2', false],
    ]);
  });

  test.each<readonly [string, readonly Node[], Revision, string]>([
    [
      'a cordoned host before all else',
      [n1, n2, aNode({ id: 'n3', name: 'n3', availability: 'pause' })],
      asking(4_000),
      'gantry node uncordon n3',
    ],
    [
      'space on a disk',
      [{ ...n1, pressure: '97 % of the disk is used' }],
      asking(1),
      'free space on the disk of n1',
    ],
    [
      'a lower reservation, the one nearest to what is asked for',
      [n1, n2],
      asking(3_500),
      'lower the cpu reservation from 3.50 to 3.00',
    ],
    [
      'a label',
      [n1, { ...n2, state: 'down' }],
      asking(1, { constraints: ['node.labels.disk==ssd'] }),
      'gantry node label n1 disk=ssd',
    ],
    [
      'a device less',
      [{ ...n1, description: { ...n1.description, devices: { gpu: 1 } } }],
      asking(1, { placement: { ...free, devices: { gpu: 2 } } }),
      'lower the gpu reservation from 2 to 1',
    ],
    ['a host that is down', [{ ...n1, state: 'down' }], asking(1), 'bring n1 back'],
    [
      'a new host when one change is not enough',
      [{ ...n1, availability: 'pause' }],
      asking(9_000, { constraints: ['node.labels.disk==ssd'] }),
      'add a host with 9.00 cpu, node.labels.disk==ssd',
    ],
    ['the first host', [], asking(1_000), 'add a host with 1.00 cpu'],
  ])('may be %s', (_what, nodes, revision, expected) => {
    expect(words(explained(nodes, revision, [1_000, 2_000]))).toBe(expected);
  });

  test('of one that must be near a service that runs nowhere is to start that', () => {
    const view = viewOf([n1, asking(1)]);
    const requirement = requirementOf(asking(1), { near: [{ name: 'shop/cache', id: 'cache' }] });
    const { smallestChange } = explain(view.derived(clusterOf), requirement);
    expect(smallestChange?.words).toBe('start shop/cache, which runs nowhere');
  });
});

const someHost = (id: string): fc.Arbitrary<Node> =>
  fc
    .record({
      cpuMillis: fc.integer({ min: 0, max: 4_000 }),
      disk: fc.constantFrom('ssd', 'hdd'),
      availability: fc.constantFrom('active', 'pause', 'drain' as const),
      pressure: fc.constantFrom(undefined, undefined, 'the disk is full'),
      state: fc.constantFrom('ready', 'ready', 'down' as const),
    })
    .map(({ cpuMillis, disk, availability, pressure, state }) => {
      const node = aNode({ id, name: id, labels: { disk }, availability, state });
      return {
        ...node,
        description: { ...node.description, cpuMillis },
        ...(pressure !== undefined && { pressure }),
      };
    });

test('every change that is named makes the host that it names take the task', () => {
  const hosts = fc.tuple(someHost('n1'), someHost('n2'), someHost('n3'));
  fc.assert(
    fc.property(hosts, fc.integer({ min: 1, max: 4_000 }), fc.boolean(), (nodes, cpuMillis, ssd) => {
      const revision = asking(cpuMillis, { constraints: ssd ? ['node.labels.disk==ssd'] : [] });
      const { perNode, smallestChange: change } = explained(nodes, revision);
      for (const answer of perNode) {
        const node = nodes.find(({ id }) => id === answer.nodeId)!;
        const { loads } = viewOf([node]).derived(clusterOf);
        const why = refusal({ loads, slot: 0 }, requirementOf(revision));
        expect([answer.fits, answer.reasons[0]]).toEqual([why === undefined, why]);
      }
      if (change?.host === undefined) return;
      const mended = nodes.map((node) => (node.name === change.host ? changed(node, change.words) : node));
      const less = /from .* to (.*)$/.exec(change.words)?.[1];
      const asked =
        less === undefined
          ? revision
          : { ...revision, container: asking(Math.round(Number(less) * 1_000)).container };
      const answers = explained(mended, asked).perNode;
      expect(answers.find(({ name }) => name === change.host)?.reasons).toEqual([]);
    }),
  );
});

/** The node after somebody did what the words say. */
function changed(node: Node, order: string): Node {
  const { pressure: _pressure, ...well } = node;
  if (order.startsWith('gantry node uncordon')) return { ...node, availability: 'active' };
  if (order.startsWith('gantry node label')) return { ...node, labels: { disk: 'ssd' } };
  if (order.startsWith('free space')) return well;
  if (order.startsWith('bring')) return { ...node, state: 'ready' };
  return order.startsWith('free') ? { ...node, description: { ...node.description, cpuMillis: 1e6 } } : node;
}
