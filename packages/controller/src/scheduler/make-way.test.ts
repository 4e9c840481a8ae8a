import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnyObject } from '@gantry/model/objects';
import { defaultPlacement, preempts, type Placement } from '@gantry/model/placement';
import type { Task } from '@gantry/model/task';
import { defaultUpdate } from '@gantry/model/update';
import {
  aContainer,
  aNode,
  aRevision,
  aService,
  aSpec,
  aStatus,
  aTask,
  viewOf,
} from '../../../../tests/support/builders.ts';
import { budgetOf } from './budget.ts';
import { clusterOf } from './cluster.ts';
import { refusal } from './filters.ts';
import { loadOf } from './loads.ts';
import { makeWay, type MakingWay } from './make-way.ts';
import { requirementOf } from './requirement.ts';

interface Wanted {
  readonly priority: number;
  readonly preempt?: Placement['preempt'];
  readonly cpuMillis: number;
  readonly parallelism?: number;
  /** Host of each running task. */
  readonly on?: readonly string[];
  readonly waiting?: number;
}

function service(
  id: string,
  { priority, preempt, cpuMillis, parallelism = 1, on = [], waiting = 0 }: Wanted,
): readonly AnyObject[] {
  const placement = { ...defaultPlacement, priority, ...(preempt && { preempt }) };
  const mode = { kind: 'replicated', replicas: on.length + waiting } as const;
  const spec = aSpec({ name: id, placement, mode, update: { ...defaultUpdate, parallelism } });
  const container = aContainer({ reservations: { cpuMillis } });
  const task = (slot: number, more: Partial<Task>): Task =>
    aTask({ id: `${id}${slot}`, serviceId: id, revisionId: `${id}-r`, slot, ...more });
  return [
    aRevision({ id: `${id}-r`, serviceId: id, container }),
    aService({ id, spec, revisionId: `${id}-r` }),
    ...on.map((nodeId, index) =>
      task(index + 1, { nodeId, status: aStatus({ state: 'running', ready: true }) }),
    ),
    ...Array.from({ length: waiting }, (_, index) => task(on.length + index + 1, {})),
  ];
}

const hosts = ['n1', 'n2', 'n3'];
const nodes = hosts.map((id) => aNode({ id, name: id }));

function chosen(...services: readonly (readonly AnyObject[])[]): readonly MakingWay[] {
  const view = viewOf([...nodes, ...services.flat()]);
  return makeWay(view, view.derived(clusterOf), 20);
}
const victims = (...services: readonly (readonly AnyObject[])[]): readonly string[] =>
  chosen(...services).map(({ victim }) => victim.id);

describe('a task of high priority that no host takes', () => {
  const taker = { priority: 10, preempt: 'takes', cpuMillis: 3_000, waiting: 1 } as const;
  const low = { priority: 0, preempt: 'yields', cpuMillis: 2_000 } as const;

  test('stops the fewest tasks that yield, of the lowest priority', () => {
    expect(victims(service('t', taker), service('a', { ...low, on: ['n1', 'n2', 'n3'] }))).toHaveLength(1);
    const [two, one] = [
      service('a', { ...low, cpuMillis: 1_000, on: ['n1', 'n1', 'n1'] }),
      service('b', { ...low, priority: 5, on: ['n2'] }),
    ];
    expect(
      victims(service('t', taker), two, one, service('c', { priority: 0, cpuMillis: 4_000, on: ['n3'] })),
    ).toEqual(['b1']);
    const [lower, higher] = [
      service('a', { ...low, priority: 1, on: ['n2'] }),
      service('b', { ...low, priority: 2, on: ['n1'] }),
    ];
    expect(
      victims(
        service('t', taker),
        lower,
        higher,
        service('c', { priority: 0, cpuMillis: 4_000, on: ['n3'] }),
      ),
    ).toEqual(['a1']);
  });

  test.each<readonly [string, Partial<Wanted>, Partial<Wanted>]>([
    ['it does not take', { preempt: 'yields' }, {}],
    ['nobody yields', {}, { preempt: 'takes' }],
    ['those who yield are as important', {}, { priority: 10 }],
    ['as many are missing as may be', {}, { waiting: 1 }],
    ['it would not help', { cpuMillis: 5_000 }, {}],
    ['a host fits', {}, { on: ['n1', 'n2'] }],
  ])('stops none when %s', (_what, more, other) => {
    expect(
      victims(service('t', { ...taker, ...more }), service('a', { ...low, on: hosts, ...other })),
    ).toEqual([]);
  });

  test('counts room that is becoming free, and stops no second one for it', () => {
    const all = [...service('t', taker), ...service('a', { ...low, parallelism: 3, on: hosts })];
    const view = viewOf([...nodes, ...all]);
    const [first] = makeWay(view, view.derived(clusterOf), 20);
    view.apply('task', first!.victim.id, { ...first!.victim, makesWay: 'made way', version: 99 });
    expect(makeWay(view, view.derived(clusterOf), 20)).toEqual([]);
  });

  test('stops one for each of several that wait, up to the budget', () => {
    const takers = service('t', { ...taker, waiting: 3 });
    expect(victims(takers, service('a', { ...low, parallelism: 2, on: hosts }))).toHaveLength(2);
    expect(victims(takers, service('a', { ...low, parallelism: 0, on: hosts }))).toHaveLength(3);
  });
});

const someService = (id: string): fc.Arbitrary<readonly AnyObject[]> =>
  fc
    .record({
      priority: fc.integer({ min: 0, max: 3 }),
      preempt: fc.constantFrom(undefined, 'takes', 'yields', 'yields', 'both' as const),
      cpuMillis: fc.constantFrom(500, 1_000, 2_000, 4_000),
      parallelism: fc.nat({ max: 2 }),
      on: fc.array(fc.constantFrom(...hosts), { maxLength: 4 }),
      waiting: fc.nat({ max: 2 }),
    })
    .map(({ preempt, ...rest }) => service(id, { ...rest, ...(preempt && { preempt }) }));

test('who makes way yields, is less important, is within its budget, and is needed', () => {
  const services = fc.tuple(...['a', 'b', 'c', 'd'].map(someService));
  fc.assert(
    fc.property(services, (all) => {
      const view = viewOf([...nodes, ...all.flat()]);
      const going = makeWay(view, view.derived(clusterOf), 20);
      const gone = new Set(going.map(({ victim }) => victim.id));
      expect(gone.size, 'nobody twice').toBe(going.length);
      for (const { victim, taking } of going) {
        const placement = view.get('service', victim.serviceId)!.spec.placement!;
        expect(preempts(placement, 'yields')).toBe(true);
        expect(placement.priority).toBeLessThan(taking.soft.priority);
      }
      for (const one of view.all('service')) {
        const tasks = [...view.tasksOfService(one.id)];
        const mine = tasks.filter(({ id }) => gone.has(id)).length;
        expect(mine).toBeLessThanOrEqual(budgetOf(one, tasks));
      }
      const [first] = going;
      if (!first) return;
      // All for the first taker, on one host: with any of them still there it does not fit.
      const its = going.filter(({ taker }) => taker === first.taker).map(({ victim }) => victim);
      const node = view.get('node', first.victim.nodeId ?? '')!;
      const staying = [...view.tasksOnNode(node.id)].filter((task) => !its.includes(task));
      const fits = (tasks: readonly Task[]): boolean =>
        refusal(
          loadOf(node, tasks, (id) => view.get('revision', id)),
          requirementOf(first.taking.revision),
        ) === undefined;
      expect(fits(staying)).toBe(true);
      for (const victim of its) expect(fits([...staying, victim])).toBe(false);
    }),
    { numRuns: 400 },
  );
});
