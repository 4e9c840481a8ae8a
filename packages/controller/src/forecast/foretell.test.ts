import { expect, test } from 'vitest';
import type { ServiceSpec } from '@gantry/model/service';
import { defaultUpdate } from '@gantry/model/update';
import { aContainer, aRevision, aSpec, noon } from '../../../../tests/support/builders.ts';
import { ClusterModel } from '../../../../tests/support/cluster-model.ts';
import { allocate } from '../reconcilers/allocate.ts';
import { jobs } from '../reconcilers/jobs/jobs.ts';
import { nodeHealth } from '../reconcilers/node-health.ts';
import { reap } from '../reconcilers/reap.ts';
import { defaultSettings } from '../reconcilers/reconciler.ts';
import { schedule } from '../reconcilers/schedule.ts';
import { services } from '../reconcilers/services/services.ts';
import type { View, Write } from '../store/store.ts';
import { foretell, type Foretold } from './foretell.ts';

const reconcilers = [nodeHealth, allocate, services, jobs, schedule, reap];

function clusterOf(specs: Readonly<Record<string, ServiceSpec>>, hosts = 3): ClusterModel {
  const cluster = new ClusterModel(reconcilers);
  for (let host = 1; host <= hosts; host++) cluster.addNode(`n${host}`);
  for (const [id, spec] of Object.entries(specs)) cluster.apply(id, spec);
  cluster.pass(60_000);
  return cluster;
}

function web(replicas: number, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return aSpec({ name: 'web', mode: { kind: 'replicated', replicas }, ...more });
}

function ahead(view: View, writes: readonly Write[], now = noon + 60_000): Foretold {
  const options = { reconcilers, settings: defaultSettings, now, wants: () => true };
  const work = foretell(view, writes, options);
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** The writes of an apply of one service: another revision, and the spec. */
function newRevision(view: View, id: string, spec: ServiceSpec): readonly Write[] {
  const service = view.get('service', id);
  if (!service) throw new Error(`no ${id}`);
  const { container, ports, constraints } = spec;
  const revision = aRevision({ id: `${id}-next`, serviceId: id, number: 9, container, ports, constraints });
  return [
    { op: 'put', object: revision },
    { op: 'put', object: { ...service, spec, revisionId: revision.id } },
  ];
}

test('nothing follows from nothing, and the view is as it was', () => {
  const { view } = clusterOf({ web: web(3) });
  const before = JSON.stringify([...view.all('task')]);
  const told = ahead(view, []);
  expect(told).toMatchObject({ steps: [], atRest: true, cut: false, lastsMs: 0 });
  expect(told.seen.get('web')).toMatchObject({ readyBefore: 3, lowest: 3, ready: 3 });
  expect(JSON.stringify([...view.all('task')])).toBe(before);
});

test('what a host that is down held is not waited for', () => {
  const cluster = clusterOf({ web: web(3) });
  cluster.killNode('n2');
  cluster.pass(60_000);
  expect(ahead(cluster.view, [], noon + 120_000)).toMatchObject({ atRest: true, lastsMs: 0, steps: [] });
});

test('an update is told start-first, one place after another, with no ready task less', () => {
  const { view } = clusterOf({ web: web(3) });
  const told = ahead(view, newRevision(view, 'web', web(3, { container: aContainer({ image: 'web:2' }) })));
  expect(told.atRest).toBe(true);
  expect(told.seen.get('web')).toMatchObject({ readyBefore: 3, lowest: 3, ready: 3, stopped: 3 });
  const order = told.steps.filter(({ what }) => what !== 'update').map(({ what }) => what);
  expect(order).toEqual(['start', 'ready', 'stop', 'start', 'ready', 'stop', 'start', 'ready', 'stop']);
  expect(told.steps.filter(({ what }) => what === 'update').map(({ words }) => words)).toEqual([
    'goes to revision 9',
    'revision 9 runs',
  ]);
});

test('stop-first costs a ready task, and the plan says so', () => {
  const policy = { update: { ...defaultUpdate, order: 'stop-first' as const } };
  const { view } = clusterOf({ web: web(3, policy) });
  const spec = web(3, { ...policy, container: aContainer({ image: 'web:2' }) });
  expect(ahead(view, newRevision(view, 'web', spec)).seen.get('web')).toMatchObject({ lowest: 2, ready: 3 });
});

test('what fits nowhere rolls back by the real rules, with the reason', () => {
  const { view } = clusterOf({ web: web(2) });
  const spec = web(2, { container: aContainer({ reservations: { cpuMillis: 64_000 } }) });
  const told = ahead(view, newRevision(view, 'web', spec));
  const words = told.steps.map((step) => step.words).join('\n');
  expect(words).toContain('cpu: 4.00 of 4.00 free, 64.00 needed');
  expect(words).toMatch(/rolls back to revision 1: revision 9 failed: web\.1 was not ready after 600 s/);
  expect(told.seen.get('web')).toMatchObject({ lowest: 2, ready: 2 });
});

test('a new service that fits nowhere does not come to rest, and says why', () => {
  const cluster = clusterOf({});
  cluster.apply('big', web(1, { container: aContainer({ reservations: { cpuMillis: 64_000 } }) }));
  const told = ahead(cluster.view, []);
  expect(told.atRest).toBe(false);
  expect(told.reasons.get('big')).toContain('64.00 needed');
});

test('what would find no host once one is lost is told by host, and what would, is not', () => {
  const three = web(3, { container: aContainer({ reservations: { cpuMillis: 3_000 } }) });
  const { view } = clusterOf({ web: three, small: aSpec({ name: 'small' }) });
  const { losses } = ahead(view, []);
  expect(losses.map(({ node }) => node)).toEqual(['n1', 'n2', 'n3']);
  expect(losses[0]?.unfit).toMatchObject([{ service: 'shop/web', tasks: 1 }]);
  expect(losses[0]?.unfit[0]?.reason).toContain('cpu: 1.00 of 4.00 free, 3.00 needed');
});

test('a job is told to its end, and what depends on it begins after it', () => {
  const cluster = clusterOf({});
  const job = { parallelism: 0, retries: 0, timeZone: 'UTC', overlap: 'skip', missed: 'skip' } as const;
  const dependsOn = [
    { service: 'migrate', condition: 'service_completed_successfully', required: true },
  ] as const;
  cluster.apply('migrate', aSpec({ name: 'migrate', job }));
  cluster.apply('web', web(1, { dependsOn }));
  const told = ahead(cluster.view, []);
  expect(told.atRest).toBe(true);
  const order = told.steps
    .filter(({ places }) => places.length > 0)
    .map(({ what, service }) => `${service} ${what}`);
  expect(order).toEqual(['shop/migrate start', 'shop/migrate end', 'shop/web start', 'shop/web ready']);
  expect(told.steps.map(({ words }) => words)).toContain('waits for migrate to have ended well');
});

test('the same view gives the same forecast', () => {
  const { view } = clusterOf({ web: web(5) });
  const writes = newRevision(view, 'web', web(5, { container: aContainer({ image: 'web:2' }) }));
  expect(ahead(view, writes)).toEqual(ahead(view, writes));
});
