import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ServiceSpec } from '@gantry/model/service';
import { defaultUpdate, targetRevision, type UpdatePolicy } from '@gantry/model/update';
import { aSpec } from '../../../../../tests/support/builders.ts';
import { ClusterModel, type Behaviour } from '../../../../../tests/support/cluster-model.ts';
import { allocate } from '../allocate.ts';
import { nodeHealth } from '../node-health.ts';
import { reap } from '../reap.ts';
import { schedule } from '../schedule.ts';
import { services } from './services.ts';

const reconcilers = [nodeHealth, allocate, services, schedule, reap];

function web(replicas: number, update: Partial<UpdatePolicy> = {}): ServiceSpec {
  return aSpec({
    name: 'web',
    mode: { kind: 'replicated', replicas },
    update: { ...defaultUpdate, ...update },
  });
}

/** Three hosts that serve revision 1. */
function serving(spec: ServiceSpec, watch?: ConstructorParameters<typeof ClusterModel>[1]): ClusterModel {
  const cluster = new ClusterModel(reconcilers, watch);
  for (const node of ['n1', 'n2', 'n3']) cluster.addNode(node);
  cluster.apply('web', spec);
  cluster.pass(6_000);
  return cluster;
}

const update = (cluster: ClusterModel) => cluster.view.get('service', 'web')?.update;
const revisions = (cluster: ClusterModel): readonly string[] =>
  cluster
    .serving('web')
    .map(({ revisionId }) => revisionId)
    .sort();

/** Lets time pass in small steps, looking after each. */
function through(cluster: ClusterModel, ms: number, look: () => void): void {
  for (const end = cluster.now + ms; cluster.now < end;) {
    for (let turns = 0; turns < 30; turns++) {
      const wrote = cluster.decide();
      look();
      if (!cluster.work() && !wrote) break;
      look();
    }
    cluster.pass(100);
    look();
  }
}

describe('an update', () => {
  test('knows the revision that came up as the one to go back to', () => {
    const cluster = serving(web(3));
    expect(update(cluster)).toMatchObject({ state: 'done', to: 'web-r1', stable: 'web-r1', back: false });
  });

  test.each(['crashes', 'hangs'] as const)(
    'that %s rolls back by itself, says why and costs nothing',
    (how) => {
      const cluster = serving(web(3, { deadlineMs: 30_000 }));
      const before = cluster.serving('web').map(({ id }) => id);
      cluster.apply('web', web(3, { deadlineMs: 30_000 }), how);
      through(cluster, 60_000, () => expect(cluster.serving('web').length).toBeGreaterThanOrEqual(3));
      expect(cluster.serving('web').map(({ id }) => id)).toEqual(before);
      const reason = how === 'crashes' ? 'exit code 1' : 'was not ready after 30 s';
      expect(update(cluster)).toMatchObject({ state: 'done', back: true, stable: 'web-r1' });
      expect(update(cluster)?.reason).toContain('revision 2 failed: web.1');
      expect(update(cluster)?.reason).toContain(reason);
      expect(cluster.containers.size).toBe(3);
    },
  );

  test('to a host that does not exist rolls back after the deadline', () => {
    const cluster = serving(web(3));
    cluster.apply('web', { ...web(3), constraints: ['node.labels.disk==none'] });
    cluster.pass(590_000);
    expect(update(cluster)?.back).toBe(false);
    cluster.pass(20_000);
    expect(update(cluster)).toMatchObject({ state: 'done', back: true });
    expect(update(cluster)?.reason).toContain('no host fits');
    expect(cluster.tasks('web').filter(({ desired }) => desired === 'running')).toHaveLength(3);
  });

  test('begins with one canary, then goes on in parallel', () => {
    const cluster = serving(web(6, { parallelism: 3, monitorMs: 10_000 }));
    cluster.apply('web', web(6, { parallelism: 3, monitorMs: 10_000 }));
    const fresh = (): number =>
      cluster.tasks('web').filter((t) => t.revisionId === 'web-r2' && t.desired === 'running').length;
    through(cluster, 9_900, () => expect(fresh()).toBeLessThanOrEqual(1));
    through(cluster, 9_000, () => expect(fresh()).toBeLessThanOrEqual(4));
    expect(fresh()).toBe(4);
    cluster.pass(30_000);
    expect(revisions(cluster)).toEqual(Array.from({ length: 6 }, () => 'web-r2'));
    expect(update(cluster)).toMatchObject({ state: 'done', stable: 'web-r2' });
  });

  test('waits for the delay between places', () => {
    const cluster = serving(web(2, { delayMs: 20_000 }));
    cluster.apply('web', web(2, { delayMs: 20_000 }));
    cluster.pass(5_000);
    expect(revisions(cluster)).toEqual(['web-r1', 'web-r2']);
    cluster.pass(19_000);
    expect(revisions(cluster)).toEqual(['web-r1', 'web-r2']);
    cluster.pass(10_000);
    expect(revisions(cluster)).toEqual(['web-r2', 'web-r2']);
  });

  test('that may fail in part goes on, and too many failures undo all of it', () => {
    const cluster = serving(web(4, { maxFailureRatio: 0.25 }));
    cluster.apply('web', web(4, { maxFailureRatio: 0.25 }));
    cluster.pass(1_000);
    cluster.crash(cluster.tasks('web').find(({ revisionId }) => revisionId === 'web-r2')!);
    cluster.settle();
    expect(update(cluster)).toMatchObject({ state: 'rolling', back: false, failed: ['1'] });
    cluster.pass(8_000);
    cluster.crash(cluster.tasks('web').find((t) => t.revisionId === 'web-r2' && t.slot === 2)!);
    cluster.pass(60_000);
    expect(update(cluster)).toMatchObject({ state: 'done', back: true });
    expect(revisions(cluster)).toEqual(Array.from({ length: 4 }, () => 'web-r1'));
  });

  test('that is to pause on failure waits for a person, and goes on when told to', () => {
    const cluster = serving(web(3, { failureAction: 'pause' }));
    cluster.apply('web', web(3, { failureAction: 'pause' }));
    cluster.pass(1_000);
    cluster.crash(cluster.tasks('web').find(({ revisionId }) => revisionId === 'web-r2')!);
    cluster.pass(100_000);
    expect(update(cluster)).toMatchObject({ state: 'paused', back: false });
    expect(revisions(cluster)).toEqual(['web-r1', 'web-r1', 'web-r1']);
    cluster.hold('web', false);
    cluster.pass(100_000);
    expect(update(cluster)).toMatchObject({ state: 'done', stable: 'web-r2' });
    expect(revisions(cluster)).toEqual(['web-r2', 'web-r2', 'web-r2']);
  });

  test('that a person paused begins no place, and a crash meanwhile brings back what was there', () => {
    const cluster = serving(web(3));
    cluster.apply('web', web(3));
    cluster.pass(7_000);
    cluster.hold('web', true);
    cluster.pass(100_000);
    const mixed = revisions(cluster);
    expect(mixed).toContain('web-r1');
    cluster.crash(cluster.serving('web').find(({ revisionId }) => revisionId === 'web-r1')!);
    cluster.pass(100_000);
    expect(revisions(cluster)).toEqual(mixed);
    cluster.hold('web', false);
    cluster.pass(100_000);
    expect(revisions(cluster)).toEqual(['web-r2', 'web-r2', 'web-r2']);
  });

  test('is superseded by a newer one, and its failure leads back to the last good one', () => {
    const cluster = serving(web(3));
    cluster.apply('web', web(3));
    cluster.pass(7_000);
    expect(new Set(revisions(cluster))).toEqual(new Set(['web-r1', 'web-r2']));
    cluster.apply('web', web(3), 'crashes');
    cluster.pass(100_000);
    expect(update(cluster)).toMatchObject({ state: 'done', back: true, stable: 'web-r1' });
    expect(revisions(cluster)).toEqual(['web-r1', 'web-r1', 'web-r1']);
  });

  test('a crash or a lost host before the canary is proven does not spread the new revision', () => {
    const cluster = serving(web(3, { monitorMs: 60_000 }));
    cluster.apply('web', web(3, { monitorMs: 60_000 }));
    cluster.pass(1_000);
    const old = cluster.serving('web').filter(({ revisionId }) => revisionId === 'web-r1');
    cluster.crash(old.at(-1)!);
    cluster.pass(1_000);
    const fresh = cluster.tasks('web').filter(({ revisionId }) => revisionId === 'web-r2');
    expect(fresh).toHaveLength(1);
    expect(cluster.serving('web').filter(({ revisionId }) => revisionId === 'web-r1')).toHaveLength(3);
  });

  test('a crash after its watch is a crash, not a failure of the update', () => {
    const cluster = serving(web(3));
    cluster.apply('web', web(3));
    cluster.pass(9_000);
    cluster.crash(cluster.serving('web').find((t) => t.revisionId === 'web-r2' && t.slot === 1)!);
    cluster.pass(100_000);
    expect(update(cluster)).toMatchObject({ state: 'done', back: false });
    expect(revisions(cluster)).toEqual(['web-r2', 'web-r2', 'web-r2']);
  });

  test('that comes before the first revision was watched can be undone, too', () => {
    const cluster = new ClusterModel(reconcilers);
    cluster.addNode('n1');
    cluster.apply('web', web(1));
    cluster.pass(1_000);
    cluster.apply('web', web(1), 'crashes');
    cluster.pass(10_000);
    expect(update(cluster)).toMatchObject({ state: 'done', back: true, stable: 'web-r1' });
    expect(revisions(cluster)).toEqual(['web-r1']);
  });

  test('a broken first revision is not undone: there is nothing to go back to', () => {
    const cluster = new ClusterModel(reconcilers);
    cluster.addNode('n1');
    cluster.apply('web', web(1), 'crashes');
    cluster.pass(100_000);
    expect(update(cluster)).toBeUndefined();
    cluster.apply('web', web(1));
    cluster.pass(10_000);
    expect(update(cluster)).toMatchObject({ state: 'done', stable: 'web-r2' });
  });

  test('never serves with fewer than promised, and never ends as a mixture', () => {
    const action = fc.oneof(
      fc.tuple(
        fc.constant('apply' as const),
        fc.constantFrom<Behaviour>('serves', 'serves', 'crashes', 'hangs'),
      ),
      fc.tuple(fc.constantFrom('pause', 'resume')),
      fc.tuple(fc.constant('pass' as const), fc.constantFrom(100, 3_000, 20_000, 60_000)),
    );
    const policies = fc.record({
      parallelism: fc.nat({ max: 3 }),
      delayMs: fc.constantFrom(0, 3_000),
      order: fc.constantFrom('auto', 'stop-first' as const),
      monitorMs: fc.constantFrom(1_000, 5_000),
      maxFailureRatio: fc.constantFrom(0, 0.4),
      failureAction: fc.constantFrom('rollback', 'pause' as const),
      deadlineMs: fc.constant(20_000),
    });
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 5 }),
        fc.array(action, { maxLength: 12 }),
        (policy, replicas, history) => {
          const atOnce = policy.parallelism === 0 ? replicas : Math.min(replicas, policy.parallelism);
          // Going back takes one place after another, while the places that failed are not up yet.
          const promised = policy.order === 'auto' ? replicas : replicas - atOnce - 1;
          const cluster = serving(web(replicas, policy));
          const look = (): void => {
            expect(cluster.serving('web').length).toBeGreaterThanOrEqual(promised);
          };
          for (const [what, how] of history) {
            if (what === 'apply') cluster.apply('web', web(replicas, policy), how);
            else if (what === 'pass') through(cluster, how, look);
            else cluster.hold('web', what === 'pause');
          }
          cluster.pass(1);
          cluster.hold('web', false);
          through(cluster, 300_000, look);
          const service = cluster.view.get('service', 'web')!;
          if (service.update?.state === 'paused') return;
          expect(service.update?.state).toBe('done');
          expect(revisions(cluster)).toEqual(Array.from({ length: replicas }, () => targetRevision(service)));
          expect(cluster.containers.size).toBe(replicas);
        },
      ),
      { numRuns: 25 },
    );
  }, 30_000);
});
