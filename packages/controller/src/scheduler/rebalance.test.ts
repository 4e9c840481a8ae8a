import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultPlacement } from '@gantry/model/placement';
import type { ContainerSpec, Service, ServiceSpec } from '@gantry/model/service';
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
import type { Tables } from '../store/tables.ts';
import { clusterOf } from './cluster.ts';
import { rebalance, type Move } from './rebalance.ts';

interface Has {
  readonly on: readonly string[];
  readonly container?: Partial<ContainerSpec>;
  readonly spec?: Partial<ServiceSpec>;
  readonly service?: Partial<Service>;
}

/** Services by name with a ready task on each of the hosts. */
function cluster(hosts: readonly string[], services: Readonly<Record<string, Has>>): Tables {
  const nodes = hosts.map((id, index) => aNode({ id, labels: { zone: index % 2 === 0 ? 'a' : 'b' } }));
  const objects = Object.entries(services).flatMap(([name, { on, container, spec, service }]) => {
    const own = aSpec({
      name,
      mode: { kind: 'replicated', replicas: on.length },
      container: aContainer(container),
      ...spec,
    });
    const revision = aRevision({
      id: `${name}-r1`,
      serviceId: name,
      container: own.container,
      ports: own.ports,
      settings: own,
    });
    const tasks = on.map((nodeId, index) =>
      aTask({
        id: `${name}-${index + 1}`,
        serviceId: name,
        revisionId: revision.id,
        slot: index + 1,
        nodeId,
        status: aStatus({ state: 'running', ready: true }),
      }),
    );
    return [aService({ id: name, spec: own, revisionId: revision.id, ...service }), revision, ...tasks];
  });
  return viewOf([...nodes, ...objects]);
}

const all = { maxMoves: 20, wants: () => true, now: 0 };

function moved(view: Tables, moves: readonly Move[]): void {
  for (const { task, to } of moves) {
    const now = view.get('task', task.id);
    if (now) view.apply('task', now.id, { ...now, nodeId: to, version: ++view.revision });
  }
}

function counts(view: Tables, service: string, hosts: readonly string[]): readonly number[] {
  return hosts.map((id) => [...view.tasksOnNode(id)].filter((task) => task.serviceId === service).length);
}

describe('rebalance', () => {
  test('brings a host that came back its share, and no more', () => {
    const view = cluster(['n1', 'n2', 'n3'], { web: { on: ['n1', 'n1', 'n1', 'n2', 'n2', 'n2'] } });
    const moves = rebalance(view, all);
    expect(moves.map(({ to }) => to)).toEqual(['n3', 'n3']);
    expect(moves[0]?.why).toMatch(/^more evenly spread: 2 left on n\d, 1 on n3$/);
    moved(view, moves);
    expect(counts(view, 'web', ['n1', 'n2', 'n3'])).toEqual([2, 2, 2]);
    expect(rebalance(view, all)).toEqual([]);
  });

  test('evens out hosts also where no service is on one twice', () => {
    const view = cluster(['n1', 'n2', 'n3'], {
      a: { on: ['n1', 'n2'] },
      b: { on: ['n1', 'n2'] },
      c: { on: ['n1', 'n2'] },
    });
    const moves = rebalance(view, all);
    expect(moves.map(({ to }) => to)).toEqual(['n3', 'n3']);
    expect(new Set(moves.map(({ from }) => from))).toEqual(new Set(['n1', 'n2']));
    expect(moves[0]?.why).toContain('n3 is less busy');
  });

  test('makes no more moves than it may, and those that gain most first', () => {
    const view = cluster(['n1', 'n2'], {
      web: { on: ['n1', 'n1', 'n1', 'n1', 'n1', 'n1'] },
      one: { on: ['n1'] },
    });
    const moves = rebalance(view, { ...all, maxMoves: 2 });
    expect(moves.map(({ task }) => task.serviceId)).toEqual(['web', 'web']);
    expect(moves[0]?.gain).toBeGreaterThan(moves[1]?.gain ?? Infinity);
  });

  const port = [{ target: 80, published: 80, protocol: 'tcp', mode: 'host' }] as const;
  const volume = { volumes: [{ kind: 'volume', source: 'data', target: '/data', readOnly: true }] } as never;
  test.each<readonly [string, Partial<Has>]>([
    ['holds a port of its host', { spec: { ports: port } }],
    ['must never run twice', { spec: { availability: 'prefer-one' } }],
    ['has its data there', { container: volume }],
    ['stops first', { spec: { update: { order: 'stop-first' } as never } }],
    ['is a job', { spec: { job: {} as never } }],
    ['belongs on every host', { spec: { mode: { kind: 'global' } } }],
    ['is being updated', { service: { update: { state: 'rolling' } as never } }],
    ['is paused by hand', { service: { hold: { paused: true, at: 0 } } }],
    ['is on its way already', { service: { moves: { tasks: ['web-1', 'web-2', 'web-3', 'web-4'], at: 0 } } }],
  ])('leaves alone what %s', (_what, has) => {
    const view = cluster(['n1', 'n2'], { web: { on: ['n1', 'n1', 'n1', 'n1'], ...has } });
    expect(rebalance(view, all)).toEqual([]);
  });

  test('spreads over the levels that the file names', () => {
    const placement = { ...defaultPlacement, spread: ['node.labels.zone'] };
    const view = cluster(['n1', 'n2', 'n3'], { web: { on: ['n1', 'n3'], spec: { placement } } });
    expect(rebalance(view, all).map(({ to }) => to)).toEqual(['n2']);
  });

  test('never moves a task to a host that does not take it, ends, and takes back what it counted', () => {
    const hosts = ['n1', 'n2', 'n3', 'n4'];
    const some = fc.array(fc.constantFrom(...hosts), { maxLength: 8 });
    const cpu = fc.constantFrom(0, 100, 1_000, 3_000);
    const service = fc.record({ on: some, cpuMillis: cpu, zoned: fc.boolean() });
    fc.assert(
      fc.property(fc.array(service, { minLength: 1, maxLength: 4 }), (services) => {
        const view = cluster(
          hosts,
          Object.fromEntries(
            services.map(({ on, cpuMillis, zoned }, index) => [
              `s${index}`,
              {
                on,
                container: { reservations: cpuMillis > 0 ? { cpuMillis } : {} },
                spec: zoned ? { placement: { ...defaultPlacement, spread: ['node.labels.zone'] } } : {},
              },
            ]),
          ),
        );
        const { loads } = view.derived(clusterOf);
        const before = [loads.cpuFree, loads.tasks].map((column) => [...column.slice(0, 4)]);
        const moves = rebalance(view, { ...all, maxMoves: 3 });
        expect([loads.cpuFree, loads.tasks].map((column) => [...column.slice(0, 4)])).toEqual(before);
        expect(moves.every(({ from, to }) => from !== to && to !== '')).toBe(true);
        const free = [...loads.cpuFree.slice(0, 4)];
        let rounds = 0;
        for (let next = moves; next.length > 0; next = rebalance(view, { ...all, maxMoves: 3 })) {
          moved(view, next);
          expect(++rounds).toBeLessThan(40);
        }
        // A host that had room still has none too little.
        loads.nodes.forEach((_, slot) =>
          expect(loads.cpuFree[slot]).toBeGreaterThanOrEqual(Math.min(0, free[slot] ?? 0)),
        );
      }),
    );
  });
});
