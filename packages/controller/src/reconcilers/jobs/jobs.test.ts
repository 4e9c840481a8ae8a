import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultJob, type JobSpec } from '@gantry/model/job';
import type { ServiceSpec } from '@gantry/model/service';
import { aSpec } from '../../../../../tests/support/builders.ts';
import { ClusterModel } from '../../../../../tests/support/cluster-model.ts';
import { allocate } from '../allocate.ts';
import { nodeHealth } from '../node-health.ts';
import { reap } from '../reap.ts';
import { schedule } from '../schedule.ts';
import { services } from '../services/services.ts';
import { jobs } from './jobs.ts';

const reconcilers = [nodeHealth, allocate, services, jobs, schedule, reap];

function aJob(name: string, job: Partial<JobSpec> = {}, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return aSpec({
    name,
    mode: { kind: 'replicated', replicas: 1 },
    job: { ...defaultJob, ...job },
    ...more,
  });
}

function cluster(): ClusterModel {
  const model = new ClusterModel(reconcilers);
  for (const node of ['n1', 'n2', 'n3']) model.addNode(node);
  model.settle();
  return model;
}

const runs = (model: ClusterModel, name = 'job') => model.view.get('service', name)?.job?.runs ?? [];
const last = (model: ClusterModel, name = 'job') => runs(model, name).at(-1);
const minute = 60_000;

describe('a job', () => {
  test('runs as many tasks as asked, a few at once, and is done when all ended well', () => {
    const model = cluster();
    let most = 0;
    model.apply(
      'job',
      aJob('job', { parallelism: 2 }, { mode: { kind: 'replicated', replicas: 5 } }),
      'completes',
    );
    for (let turns = 0; turns < 60; turns++) {
      model.decide();
      model.work();
      most = Math.max(most, model.containers.size);
    }
    expect(most).toBe(2);
    expect(last(model)).toMatchObject({ number: 1, state: 'complete', succeeded: 5 });
    expect(model.containers.size).toBe(0);
    model.pass(100 * minute);
    expect(runs(model)).toHaveLength(1);
  });

  test('that is global runs once on every host', () => {
    const model = cluster();
    model.apply('job', aJob('job', {}, { mode: { kind: 'global' } }), 'completes');
    model.pass(minute);
    expect(last(model)).toMatchObject({ state: 'complete', succeeded: 3 });
    expect(new Set(model.tasks('job').map(({ nodeId }) => nodeId)).size).toBe(3);
  });

  test('tries failed tasks again, with a growing delay, and then gives up and says why', () => {
    const model = cluster();
    model.apply('job', aJob('job', { retries: 2 }), 'crashes');
    model.pass(2_500);
    expect(last(model)).toMatchObject({ state: 'running' });
    model.pass(minute);
    expect(last(model)).toMatchObject({ state: 'failed', reason: 'job.1: exit code 1 (3 failures)' });
    expect(model.containers.size).toBe(0);
  });

  test('that takes too long is stopped', () => {
    const model = cluster();
    model.apply('job', aJob('job', { deadlineMs: 30_000 }));
    model.pass(29_000);
    expect(model.containers.size).toBe(1);
    model.pass(2_000);
    expect(last(model)).toMatchObject({ state: 'failed', reason: 'not done after 30 s' });
    expect(model.containers.size).toBe(0);
  });

  test('runs again when it is applied anew, and the old run makes way', () => {
    const model = cluster();
    model.apply('job', aJob('job'));
    model.pass(minute);
    model.apply('job', aJob('job'), 'completes');
    model.pass(minute);
    expect(runs(model)).toMatchObject([
      { state: 'failed', reason: 'superseded by a newer revision' },
      { state: 'complete', revisionId: 'job-r2' },
    ]);
    expect(model.containers.size).toBe(0);
  });

  test('of which a host is lost or drained runs the task elsewhere, and that is no failure', () => {
    const model = cluster();
    model.apply('job', aJob('job', { retries: 0 }));
    model.settle();
    model.killNode(model.tasks('job')[0]!.nodeId!);
    model.pass(minute);
    const [running] = model.serving('job');
    expect(last(model)).toMatchObject({ state: 'running', failures: {} });
    model.setNode(running!.nodeId!, { availability: 'drain' });
    model.pass(minute);
    expect(last(model)).toMatchObject({ state: 'running', failures: {} });
    expect(model.serving('job').map(({ nodeId }) => nodeId)).not.toContain(running!.nodeId);
    expect(model.containers.size).toBe(1);
  });

  test('keeps its tasks until the ttl is over', () => {
    const model = cluster();
    model.apply('job', aJob('job', { ttlMs: 10 * minute }), 'completes');
    model.pass(9 * minute);
    expect(model.tasks('job')).toHaveLength(1);
    model.pass(2 * minute);
    expect(model.tasks('job')).toHaveLength(0);
    expect(runs(model)).toHaveLength(1);
  });
});

describe('a schedule', () => {
  const hourly = { schedule: '0 * * * *' };

  test('begins a run each time it is due, and owes nothing for the time before it was applied', () => {
    const model = cluster();
    model.apply('job', aJob('job', hourly), 'completes');
    model.pass(minute);
    expect(runs(model)).toEqual([]);
    model.pass(3 * 60 * minute);
    expect(runs(model).map(({ state }) => state)).toEqual(['complete', 'complete', 'complete']);
    expect(runs(model).every(({ dueAt }) => dueAt % (60 * minute) === 0)).toBe(true);
    model.pass(24 * 60 * minute);
    expect(runs(model)).toHaveLength(10);
  });

  test('is in the time zone that is named', () => {
    const model = cluster();
    model.apply('job', aJob('job', { schedule: '30 3 * * *', timeZone: 'Asia/Tokyo' }), 'completes');
    model.pass(24 * 60 * minute);
    expect(runs(model)).toHaveLength(1);
    expect(new Date(last(model)!.dueAt).toISOString()).toContain('T18:30:00');
  });

  test.each([
    ['skip', ['running', 'skipped', 'skipped']],
    ['queue', ['running']],
    ['replace', ['failed', 'failed', 'running']],
  ] as const)('that is due while a run goes on: %s', (overlap, states) => {
    const model = cluster();
    model.apply('job', aJob('job', { ...hourly, overlap }));
    model.pass(3 * 60 * minute);
    expect(runs(model).map(({ state }) => state)).toEqual(states);
    expect(model.containers.size).toBe(1);
  });

  test('that was queued runs once more when the run before has ended', () => {
    const model = cluster();
    model.apply('job', aJob('job', { ...hourly, overlap: 'queue', retries: 0 }));
    model.pass(3 * 60 * minute);
    model.crash(model.serving('job')[0]!);
    model.settle();
    expect(runs(model).map(({ state }) => state)).toEqual(['failed', 'running']);
  });

  test.each([
    ['run-once', 'complete'],
    ['skip', 'skipped'],
  ] as const)('that nobody looked at for hours: %s', (missed, state) => {
    const model = cluster();
    model.apply('job', aJob('job', { ...hourly, missed }), 'completes');
    model.settle();
    // No controller lived: time passed, and nobody decided.
    model.now += 5 * 60 * minute + 30 * minute;
    model.pass(0);
    expect(runs(model).map((run) => run.state)).toEqual([state]);
    model.pass(60 * minute);
    expect(runs(model).map((run) => run.state)).toEqual([state, 'complete']);
  });
});

describe('jobs among each other', () => {
  const needs = (service: string) =>
    ({ dependsOn: [{ service, condition: 'service_completed_successfully', required: true }] }) as const;

  test('one that needs another waits for its end, and fails if that fails', () => {
    const model = cluster();
    model.apply('init', aJob('init', { retries: 0 }));
    model.apply('job', aJob('job', {}, needs('init')), 'completes');
    model.pass(minute);
    expect(last(model)).toMatchObject({ state: 'waiting', reason: 'waits for init to have ended well' });
    model.crash(model.serving('init')[0]!);
    model.pass(minute);
    expect(last(model)?.reason).toBe('needs init, which failed: init.1: exit code 1');
    model.apply('init', aJob('init'), 'completes');
    model.apply('job', aJob('job', {}, needs('init')), 'completes');
    model.pass(minute);
    expect(last(model)).toMatchObject({ state: 'complete' });
  });

  test('of one group take turns, whatever happens', () => {
    const names = ['a', 'b', 'c'];
    const action = fc.tuple(fc.constantFrom(...names), fc.constantFrom('apply', 'end', 'pass' as const));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), (history) => {
        const model = cluster();
        const look = (): void => {
          const running = names.filter((name) => runs(model, name).some(({ state }) => state === 'running'));
          expect(running.length).toBeLessThanOrEqual(1);
        };
        for (const [name, what] of history) {
          if (what === 'apply') model.apply(name, aJob(name, { group: 'g', retries: 0 }));
          else if (what === 'pass') model.pass(1_000);
          else for (const task of model.serving(name)) model.crash(task);
          model.decide();
          look();
        }
        for (const name of names)
          if (model.view.get('service', name)) model.apply(name, aJob(name, { group: 'g' }), 'completes');
        model.pass(minute);
        for (const name of names)
          if (model.view.get('service', name)) expect(last(model, name)?.state).toBe('complete');
      }),
      { numRuns: 40 },
    );
  }, 20_000);
});

describe('depends_on of services', () => {
  const on = (
    service: string,
    condition: 'service_started' | 'service_healthy' | 'service_completed_successfully',
  ) => ({
    dependsOn: [{ service, condition, required: true }],
  });
  const web = (more: Partial<ServiceSpec>): ServiceSpec => aSpec({ name: 'web', ...more });

  test('healthy: waits until all of the other are ready, and says so', () => {
    const model = cluster();
    model.apply('web', web(on('db', 'service_healthy')));
    model.apply('db', aSpec({ name: 'db' }), 'hangs');
    model.pass(minute);
    expect(model.tasks('web')).toEqual([]);
    expect(model.view.get('service', 'web')?.waiting).toBe('waits for db to be ready');
    model.apply('db', aSpec({ name: 'db' }));
    model.pass(minute);
    expect(model.serving('web')).toHaveLength(1);
    expect(model.view.get('service', 'web')?.waiting).toBeUndefined();
  });

  test('started: running is enough', () => {
    const model = cluster();
    model.apply('web', web(on('db', 'service_started')));
    model.apply('db', aSpec({ name: 'db' }), 'hangs');
    model.pass(minute);
    expect(model.serving('web')).toHaveLength(1);
  });

  test('completed: a migration goes first, also in an update, and costs the old revision nothing', () => {
    const model = cluster();
    const both = (behaviour: 'completes' | 'serves'): void => {
      model.apply('migrate', aJob('migrate'), behaviour);
      model.apply('web', web(on('migrate', 'service_completed_successfully')));
    };
    both('completes');
    model.pass(minute);
    const before = model.serving('web').map(({ id }) => id);
    expect(before).toHaveLength(1);
    both('serves');
    model.pass(minute);
    expect(model.serving('web').map(({ id }) => id)).toEqual(before);
    both('completes');
    model.pass(minute);
    expect(model.serving('web').map(({ revisionId }) => revisionId)).toEqual(['web-r3']);
  });

  test('is of no account once the service is up: a crash waits for nobody', () => {
    const model = cluster();
    model.apply('db', aSpec({ name: 'db' }));
    model.apply('web', web(on('db', 'service_healthy')));
    model.pass(minute);
    model.removeService('db');
    model.pass(minute);
    model.crash(model.serving('web')[0]!);
    model.settle();
    expect(model.serving('web')).toHaveLength(1);
  });
});
