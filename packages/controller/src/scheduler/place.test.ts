import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { meets, parseConstraint } from '@gantry/model/constraint';
import type { AnyObject } from '@gantry/model/objects';
import { defaultPlacement } from '@gantry/model/placement';
import type { Revision } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
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
import { someObjects } from '../../../../tests/support/random-cluster.ts';
import type { Tables } from '../store/tables.ts';
import { clusterOf } from './cluster.ts';
import { placeWaiting } from './place.ts';

/** Places all that fits, and shows it to the view. */
function placeAll(view: Tables): readonly Task[] {
  const { placed } = placeWaiting(view.derived(clusterOf), 100);
  return placed.map(({ task, node }) => {
    const after = {
      ...task,
      nodeId: node.id,
      status: { ...task.status, state: 'assigned' as const },
      version: ++view.revision,
    };
    view.apply('task', task.id, after);
    return after;
  });
}

/** Where every task goes, in order, when at most so many rows are looked at in one go. */
function placedBy(view: Tables, rows: number): readonly (readonly [task: string, node: string])[] {
  const found: [string, string][] = [];
  for (let go = 0; go < 200; go++) {
    const { placed, more } = placeWaiting(view.derived(clusterOf), 100, rows);
    for (const { task, node } of placed) {
      found.push([task.id, node.id]);
      const status = { ...task.status, state: 'assigned' as const };
      view.apply('task', task.id, { ...task, nodeId: node.id, status, version: ++view.revision });
    }
    if (!more) return found;
  }
  throw new Error('it never came to an end');
}

function onNode(view: Tables, id: string): readonly Task[] {
  return [...view.tasksOnNode(id)].filter(({ status }) => !isTerminal(status.state));
}

function revisionOf(view: Tables, task: Task): Revision {
  return view.get('revision', task.revisionId)!;
}

describe('placing', () => {
  test('never overcommits a host, and keeps every hard rule', () => {
    fc.assert(
      fc.property(someObjects, (objects) => {
        const view = viewOf(objects);
        for (const task of placeAll(view)) {
          const [node, revision] = [view.get('node', task.nodeId!)!, revisionOf(view, task)];
          const there = onNode(view, node.id);
          expect([node.state, node.availability]).toEqual(['ready', 'active']);
          for (const text of revision.constraints)
            expect(meets(node, parseConstraint(text) as never)).toBe(true);
          const sum = (of: (revision: Revision) => number): number =>
            there.reduce((total, other) => total + of(revisionOf(view, other)), 0);
          if (revision.container.reservations.cpuMillis !== undefined)
            expect(sum((r) => r.container.reservations.cpuMillis ?? 0)).toBeLessThanOrEqual(
              node.description.cpuMillis,
            );
          if (revision.placement?.devices.gpu !== undefined)
            expect(sum((r) => r.placement?.devices.gpu ?? 0)).toBeLessThanOrEqual(
              node.description.devices?.gpu ?? 0,
            );
          if (revision.ports.length > 0)
            expect(there.filter((other) => revisionOf(view, other).ports.length > 0)).toHaveLength(1);
          const own = there.filter(({ serviceId }) => serviceId === task.serviceId);
          expect(own.length).toBeLessThanOrEqual(revision.placement?.maxPerNode ?? Infinity);
          const has = (name: string): boolean => there.some(({ serviceId }) => serviceId === name.slice(5));
          for (const name of revision.placement?.near ?? []) expect(has(name)).toBe(true);
          for (const name of revision.placement?.apart ?? []) {
            if (name !== `shop/${task.serviceId}`) expect(has(name)).toBe(false);
            else expect(own).toHaveLength(1);
          }
        }
      }),
    );
  });

  test('spreads a service over hosts that are alike within one task', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 30 }), (hosts, copies) => {
        const nodes = Array.from({ length: hosts }, (_, index) => aNode({ id: `n${index}` }));
        const tasks = Array.from({ length: copies }, () => aTask({ serviceId: 's', revisionId: 'r' }));
        const view = viewOf([...nodes, aRevision({ id: 'r', serviceId: 's' }), ...tasks]);
        expect(placeAll(view)).toHaveLength(copies);
        const counts = nodes.map(({ id }) => onNode(view, id).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('spreads over several levels, one inside the other, then over hosts', () => {
    const racks = ['x1', 'x1', 'x2', 'x3', 'y1', 'y2', 'y2', 'y2'];
    const nodes = racks.map((rack, index) =>
      aNode({ id: `n${index}`, labels: { zone: rack.slice(0, 1), rack } }),
    );
    const placement = { ...defaultPlacement, spread: ['node.labels.zone', 'node.labels.rack'] };
    const tasks = Array.from({ length: 12 }, () => aTask({ serviceId: 's', revisionId: 'r' }));
    const service = aService({ id: 's', spec: aSpec({ name: 's', placement }) });
    const view = viewOf([...nodes, service, aRevision({ id: 'r', serviceId: 's' }), ...tasks]);
    expect(placeAll(view)).toHaveLength(12);
    const count = (prefix: string): number =>
      nodes.reduce(
        (all, { id, labels }) => all + (labels['rack']?.startsWith(prefix) ? onNode(view, id).length : 0),
        0,
      );
    expect(['x', 'y'].map(count)).toEqual([6, 6]);
    expect(['x1', 'x2', 'x3', 'y1', 'y2'].map(count)).toEqual([2, 2, 2, 3, 3]);
    expect(nodes.map(({ id }) => onNode(view, id).length)).toEqual([1, 1, 2, 2, 3, 1, 1, 1]);
  });

  test('spreads over the outer level first, also if its branches are of different size', () => {
    const zones = ['x', 'x', 'x', 'x', 'y'];
    const nodes = zones.map((zone, index) => aNode({ id: `n${index}`, labels: { zone } }));
    const placement = { ...defaultPlacement, spread: ['node.labels.zone'] };
    const service = aService({ id: 's', spec: aSpec({ placement }), revisionId: 'r' });
    const tasks = Array.from({ length: 8 }, () => aTask({ serviceId: 's', revisionId: 'r' }));
    const view = viewOf([...nodes, service, aRevision({ id: 'r', serviceId: 's' }), ...tasks]);
    placeAll(view);
    expect(onNode(view, 'n4')).toHaveLength(4);
  });

  test('goes where it is liked as far as the weight is worth, and then where its image is', () => {
    const nodes = ['n1', 'n2', 'n3'].map((id) =>
      aNode({ id, labels: { disk: id === 'n3' ? 'ssd' : 'hdd' } }),
    );
    const prefer = [{ constraint: 'node.labels.disk==ssd', weight: 150 }];
    const spec = aSpec({ placement: { ...defaultPlacement, prefer } });
    const liking = aService({ id: 's', spec, revisionId: 'r' });
    const tasks = (serviceId: string, count: number) =>
      Array.from({ length: count }, () => aTask({ serviceId, revisionId: serviceId }));
    const view = viewOf([...nodes, liking, aRevision({ id: 's', serviceId: 's' }), ...tasks('s', 4)]);
    placeAll(view);
    // A task of the service that is there already weighs 100: the third host is worth one and a half.
    expect(nodes.map(({ id }) => onNode(view, id).length)).toEqual([1, 1, 2]);

    const other = aTask({
      serviceId: 'o',
      revisionId: 'o',
      nodeId: 'n2',
      status: aStatus({ state: 'running' }),
    });
    const image = { image: { ref: 'big:1', digest: 'sha256:b', source: 'registry' as const } };
    const has = viewOf([
      ...nodes,
      aRevision({ id: 'o', serviceId: 'o', ...image }),
      other,
      aRevision({ id: 'w', serviceId: 'w', ...image }),
      ...tasks('w', 1),
    ]);
    placeAll(has);
    expect(onNode(has, 'n2'), 'although it has a task more than the others').toHaveLength(2);
  });

  test('what is kept from decision to decision decides as what is counted anew', () => {
    const steps = fc.array(
      fc.tuple(someObjects, fc.nat(), fc.constantFrom('put', 'put', 'put', 'delete', 'place')),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(someObjects, steps, (objects, changes) => {
        const view = viewOf(objects);
        view.derived(clusterOf);
        for (const [others, pick, what] of changes) {
          const object = others[pick % others.length]!;
          if (what === 'place') placeAll(view);
          else if (what === 'delete') view.apply(object.kind, object.id, undefined);
          else view.apply(object.kind, object.id, { ...object, version: ++view.revision });
          expect(decided(view)).toEqual(decided(copyOf(view)));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('looking at few rows at a time places as looking at all at once', () => {
    // A rule `near` may be met by what another group is given: then who is asked again first may matter.
    const without = someObjects.filter((objects) =>
      objects.every((object) => object.kind !== 'revision' || (object.placement?.near ?? []).length === 0),
    );
    fc.assert(
      fc.property(without, fc.integer({ min: 1, max: 5 }), (objects, rows) => {
        expect(placedBy(viewOf(objects), rows)).toEqual(placedBy(viewOf(objects), Infinity));
      }),
    );
  });

  test('places the higher priority first when there is room for one', () => {
    const placement = { ...defaultPlacement, priority: 10 };
    const reservations = { cpuMillis: 3_000 };
    const of = (id: string, more = {}): readonly AnyObject[] => [
      aRevision({ id: `${id}-r`, serviceId: id, container: aContainer({ reservations }) }),
      aService({ id, spec: aSpec({ name: id, ...more }), revisionId: `${id}-r` }),
      aTask({ id: `${id}-t`, serviceId: id, revisionId: `${id}-r` }),
    ];
    const view = viewOf([aNode({ id: 'n1' }), ...of('low'), ...of('high', { placement })]);
    expect(placeAll(view).map(({ id }) => id)).toEqual(['high-t']);
  });

  test('says of few hosts why each refuses, what several have in common once', () => {
    const nodes = ['n3', 'n1', 'n2'].map((id) =>
      aNode({ id, name: id, ...(id === 'n2' && { availability: 'pause' as const }) }),
    );
    const container = aContainer({ reservations: { cpuMillis: 9_000 } });
    const view = viewOf([...nodes, aRevision({ id: 'r', container }), aTask({ serviceId: 's' })]);
    const { refused } = placeWaiting(view.derived(clusterOf), 100);
    expect(refused.map(({ reason }) => reason.split('. To fit')[0])).toEqual([
      'no host fits: n1, n3: cpu: 4.00 of 4.00 free, 9.00 needed; n2: is cordoned',
    ]);
  });

  test('says of many hosts how many refuse for which reason, and the numbers add up', () => {
    const nodes = Array.from({ length: 30 }, (_, index) =>
      aNode({ id: `n${index}`, availability: index < 10 ? 'pause' : 'active' }),
    );
    const container = aContainer({ reservations: { cpuMillis: 9_000 } });
    const view = viewOf([...nodes, aRevision({ id: 'r', container }), aTask({ serviceId: 's' })]);
    const { refused } = placeWaiting(view.derived(clusterOf), 100);
    expect(refused.map(({ reason }) => reason)).toEqual([
      'none of 30 hosts fits: 20 lack cpu (9.00 needed), 10 are cordoned',
    ]);
  });
});

function decided(view: Tables): unknown {
  const { placed, refused } = placeWaiting(view.derived(clusterOf), 100);
  return [
    placed.map(({ task, node }) => [task.id, node.id]),
    refused.map(({ task, reason }) => [task.id, reason]),
  ];
}

/** The same objects in the same order, with nothing derived yet. */
function copyOf(view: Tables): Tables {
  const kinds = ['node', 'service', 'revision', 'task'] as const;
  return viewOf(kinds.flatMap((kind): readonly AnyObject[] => [...view.all(kind)]));
}
