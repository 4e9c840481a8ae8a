import { describe, expect, test } from 'vitest';
import { defaultJob, type JobRun } from '@gantry/model/job';
import { defaultRestart, type Service } from '@gantry/model/service';
import type { Task, TaskStatus } from '@gantry/model/task';
import type { UpdateStatus } from '@gantry/model/update';
import type { AnyObject } from '@gantry/model/objects';
import {
  aContainer,
  aNode,
  aRevision,
  aService,
  aSpec,
  aStatus,
  aTask,
  noon,
  viewOf,
} from '../../../../tests/support/builders.ts';
import { whyNode, whyService, whyTask, type Why } from './why.ts';

const now = noon + 60_000;
const spec = aSpec({ name: 'web', mode: { kind: 'replicated', replicas: 2 } });
const web = aService({ id: 'web', spec, revisionId: 'r2' });
const revisions = [1, 2].map((number) =>
  aRevision({ id: `r${number}`, serviceId: 'web', number, cause: 'applied' }),
);
const hosts = ['n1', 'n2'].map((id) => aNode({ id }));

function task(slot: number, status: Partial<TaskStatus>, more: Partial<Task> = {}): Task {
  return aTask({
    serviceId: 'web',
    revisionId: 'r2',
    slot,
    nodeId: 'n1',
    status: aStatus({ at: now - 5_000, ...status }),
    ...more,
  });
}

function up(slot: number, more: Partial<Task> = {}): Task {
  return task(slot, { state: 'running', ready: true, reason: 'running' }, more);
}

function ask(service: Service, tasks: readonly Task[], more: readonly AnyObject[] = hosts): Why {
  return whyService(viewOf([service, ...revisions, ...more, ...tasks]), service, now);
}

const update = (more: Partial<UpdateStatus>): Service => ({
  ...web,
  update: {
    state: 'done',
    to: 'r2',
    stable: 'r1',
    back: false,
    startedAt: now - 90_000,
    at: now - 30_000,
    reason: '',
    baseline: 2,
    failed: [],
    ...more,
  },
});

describe('a service', () => {
  test('that is as it should be is told so, with since when', () => {
    expect(ask(web, [up(1), up(2)])).toMatchObject({
      about: 'shop/web',
      answer: 'shop/web is as it should be: 2 of 2 ready since 5 s',
      also: [],
      fixes: [],
    });
  });

  test('whose tasks find no host is told why each host refuses', () => {
    const reason = 'no host fits: n1: cpu: 0.00 of 4.00 free, 1.00 needed';
    const { nodeId: _, ...waiting } = task(2, { state: 'pending', reason });
    expect(ask(web, [up(1), waiting]).answer).toBe(`web.2 waits for a host: ${reason}`);
  });

  test('whose task crashes is told its exit code, how often, and when it is tried again', () => {
    const ended = task(1, { state: 'failed', reason: 'ended with exit code 7', exitCode: 7 });
    const restarts = { 1: { count: 4, lastAt: now - 1_000, lastTask: ended.id, revisionId: 'r2' } };
    const { answer, fixes } = ask({ ...web, restarts }, [ended, up(2)]);
    expect(answer).toBe(
      'web.1 is down: ended with exit code 7, 4 times in a row; it is started again in 3 s (the wait doubles up to 60 s)',
    );
    expect(fixes).toEqual(['gantry logs --previous web.1']);
  });

  test.each([
    [{ condition: 'none' } as const, 'its restart policy is "no", so it stays down'],
    [{ maxAttempts: 3 }, 'its restart policy allows 3 attempts, so it stays down'],
  ])('that is not started again by %o is told so', (restart, words) => {
    const ended = task(1, { state: 'failed', reason: 'ended with exit code 1' });
    const restarts = { 1: { count: 4, lastAt: now, lastTask: ended.id, revisionId: 'r2' } };
    const service = { ...web, restarts, spec: { ...spec, restart: { ...defaultRestart, ...restart } } };
    expect(ask(service, [ended, up(2)]).answer).toContain(words);
  });

  test('that ran out of memory is told to raise the limit', () => {
    const ended = task(1, { state: 'failed', reason: 'killed: out of memory (limit 64 MiB)', oom: true });
    expect(ask(web, [ended, up(2)]).fixes[0]).toBe('raise deploy.resources.limits.memory');
  });

  test('whose image cannot be had is told where to look', () => {
    const ended = task(1, { state: 'rejected', reason: 'image web:1: manifest unknown' });
    const { answer, fixes } = ask(web, [ended, up(2)]);
    expect(answer).toContain('web.1 is down: image web:1: manifest unknown');
    expect(fixes).toEqual(['gantry image ls, or the registry: is web:1 there?']);
  });

  test('that was restarted and runs again is told of the end before', () => {
    const before = task(1, { state: 'failed', reason: 'ended with exit code 1' }, { desired: 'shutdown' });
    const answer = ask(web, [before, up(1, { createdAt: now - 20_000 }), up(2)]).answer;
    expect(answer).toBe('web.1 was restarted 20 s ago: ended with exit code 1');
  });

  test.each([
    [{ state: 'down', stateReason: 'silent for 5 s' } as const, ': n2 is down, silent for 5 s'],
    [{ availability: 'drain' } as const, ': n2 is being drained'],
  ])('that was moved off a host (%o) is told from where and why', (host, words) => {
    const before = task(1, { state: 'running' }, { desired: 'shutdown', nodeId: 'n2' });
    const view = [hosts[0] ?? aNode(), aNode({ id: 'n2', ...host })];
    const { answer } = ask(web, [before, up(1, { createdAt: now - 20_000 }), up(2)], view);
    expect(answer).toBe(`web.1 was moved from n2 to n1 20 s ago${words}`);
  });

  test('that went back is told which revision failed and why', () => {
    const reason = 'revision 2 failed: web.1: ended with exit code 7';
    const { answer, fixes } = ask(update({ back: true, reason }), [up(1, { revisionId: 'r1' })]);
    expect(answer).toBe(`shop/web went back to revision 1 by itself, 30 s ago: ${reason}`);
    expect(fixes[0]).toBe('gantry diff shop/web 1 2');
  });

  test('whose update a failure or a person stopped is told who, and how to go on', () => {
    const failed = ask(update({ state: 'paused', reason: 'revision 2 failed: web.1: it ended' }), [up(1)]);
    expect(failed.answer).toBe(
      'the update of shop/web is paused since 30 s: revision 2 failed: web.1: it ended',
    );
    const held = ask({ ...update({ state: 'rolling' }), hold: { paused: true, at: now - 9_000 } }, [up(1)]);
    expect(held.answer).toBe('the update of shop/web was paused by hand 9 s ago');
    expect(held.fixes).toContain('gantry resume shop/web');
  });

  test('that waits for another is sent to that one', () => {
    const { answer, fixes } = ask({ ...web, waiting: 'waits for db to be ready' }, []);
    expect(answer).toBe('shop/web waits for db to be ready (depends_on)');
    expect(fixes).toEqual(['gantry why shop/db']);
  });

  test('with a task that is not ready is told what its health check says', () => {
    const sick = task(2, { state: 'running', reason: 'not ready: GET / → 503', health: 'starting' });
    expect(ask(web, [up(1), sick]).answer).toBe(
      'web.2 gets no traffic: its health check has not passed yet: not ready: GET / → 503',
    );
  });

  test('that is being removed says what is left and what keeps it', () => {
    const view = [aNode({ id: 'n1', state: 'down' })];
    expect(ask({ ...web, removing: true }, [up(1)], view).answer).toBe(
      'shop/web is being removed: 1 tasks are left; 1 are on hosts that are down',
    );
  });

  test('tells the weightiest first, and the rest below', () => {
    const reason = 'no host fits: n1: is cordoned';
    const { nodeId: _, ...waiting } = task(1, { state: 'pending', reason });
    const sick = task(2, { state: 'running', reason: 'running' });
    const { answer, also } = ask(web, [waiting, sick]);
    expect([answer, ...also]).toEqual([
      `web.1 waits for a host: ${reason}`,
      'web.2 gets no traffic: running',
    ]);
  });
});

test('of many hosts each is told below the answer, and the smallest change that makes room', () => {
  const many = Array.from({ length: 12 }, (_, n) =>
    aNode({ id: `n${n + 10}`, availability: n === 5 ? 'pause' : 'active' }),
  );
  const big = aRevision({
    id: 'r2',
    serviceId: 'web',
    number: 2,
    container: aContainer({ reservations: { cpuMillis: 3_000 } }),
  });
  const held = many.map(({ id }) =>
    aTask({ serviceId: 'other', revisionId: 'full', nodeId: id, status: aStatus({ state: 'running' }) }),
  );
  const full = aRevision({
    id: 'full',
    serviceId: 'other',
    container: aContainer({ reservations: { cpuMillis: 2_000 } }),
  });
  const { nodeId: _, ...waiting } = task(1, {
    state: 'pending',
    reason: 'none of 12 hosts fits: 12 lack cpu (3.00 needed)',
  });
  const view = viewOf([web, big, full, ...many, ...held, waiting]);
  const { answer, details, fixes } = whyService(view, web, now);
  expect(answer).toBe('web.1 waits for a host: none of 12 hosts fits: 12 lack cpu (3.00 needed)');
  expect(details).toHaveLength(12);
  expect(details[0]).toBe('n10: cpu: 2.00 of 4.00 free, 3.00 needed');
  expect(details[5]).toContain('is cordoned; and cpu');
  expect(fixes).toEqual([expect.stringContaining('lower the cpu reservation from 3.00 to 2.00')]);
});

describe('a job', () => {
  const run: JobRun = {
    number: 3,
    state: 'running',
    reason: '',
    revisionId: 'r2',
    dueAt: now - 9_000,
    startedAt: now - 8_000,
    succeeded: 1,
    failures: {},
  };
  const job = (more: Partial<JobRun>, schedule?: string): Service => ({
    ...web,
    spec: { ...spec, job: { ...defaultJob, ...(schedule !== undefined && { schedule }) } },
    job: { runs: [{ ...run, ...more }] },
  });

  test.each([
    [
      { state: 'waiting', reason: 'waits for db to be ready' },
      'run 3 of shop/web waits: waits for db to be ready',
    ],
    [{ state: 'running' }, 'run 3 of shop/web goes on for 8 s: 1 done'],
    [
      { state: 'complete', reason: '2 of 2 ended well', endedAt: now - 4_000 },
      'run 3 of shop/web ended well 4 s ago: 2 of 2 ended well',
    ],
    [
      { state: 'failed', reason: 'web.1: ended with exit code 9', endedAt: now - 4_000 },
      'run 3 of shop/web failed 4 s ago: web.1: ended with exit code 9',
    ],
    [
      { state: 'skipped', reason: 'run 2 still went on' },
      'run 3 of shop/web was left out: run 2 still went on',
    ],
  ] as const)('%o is told in words', (more, words) => {
    expect(ask(job(more), []).answer).toBe(words);
  });

  test('with a schedule says when it runs next', () => {
    const { answer } = ask(job({ state: 'complete', reason: 'ended well', endedAt: now }, '*/5 * * * *'), []);
    expect(answer).toMatch(/; next in \d+ (s|min) \(\*\/5 \* \* \* \*, UTC\)$/);
  });
});

const scaledToNone: Service = { ...web, spec: { ...spec, mode: { kind: 'replicated', replicas: 0 } } };

describe('a task', () => {
  const of = (
    tasks: readonly Task[],
    { id }: Task,
    service = web,
    view: readonly AnyObject[] = hosts,
  ): Why => {
    const tables = viewOf([service, ...revisions, ...view, ...tasks]);
    const one = tables.get('task', id);
    if (!one) throw new Error(`there is no task ${id}`);
    return whyTask(tables, service, one, now);
  };

  test('that runs tells where and since when', () => {
    const one = up(1, { id: 'abcdef' });
    expect(of([one], one).answer).toBe('web.1 (abcdef) runs revision 2 on n1 and is ready since 5 s');
  });

  test.each([
    [
      'a newer revision',
      up(1, { revisionId: 'r2', createdAt: now }),
      web,
      hosts,
      'revision 2 took its place',
    ],
    ['scaling down', undefined, scaledToNone, hosts, 'the service was scaled down to 0'],
    ['a drain', undefined, web, [aNode({ id: 'n1', availability: 'drain' })], 'its host n1 is being drained'],
  ])('that was stopped by %s says so', (_what, next, service, view, words) => {
    const old = task(
      1,
      { state: 'shutdown', reason: 'stopped as asked' },
      { id: 'abcdef', revisionId: 'r1', desired: 'shutdown' },
    );
    expect(of([old, ...(next ? [next] : [])], old, service, view).answer).toBe(
      `web.1 (abcdef) was stopped on n1 5 s ago: ${words}`,
    );
  });

  test('whose host is down is not said to run', () => {
    const one = up(1, { id: 'abcdef' });
    const down = aNode({ id: 'n1', state: 'down', stateReason: 'silent for 5 s' });
    expect(of([one], one, web, [down]).answer).toBe(
      'web.1 (abcdef) was running when its host n1 was last heard: silent for 5 s',
    );
  });

  test('tells what happened in its place, the oldest first', () => {
    const before = task(
      1,
      { state: 'failed', reason: 'ended with exit code 1', at: now - 9_000 },
      { id: 'first', desired: 'shutdown' },
    );
    const one = up(1, { id: 'second', createdAt: now - 8_000 });
    const { timeline } = of([before, one, up(2)], one);
    const ats = timeline.map(({ at }) => at);
    expect(ats).toEqual([...ats].sort((a, b) => a - b));
    const told = timeline.map(({ about, what }) => `${about} ${what}`);
    expect(told).toContain('web.1 (first) failed on n1: ended with exit code 1');
    expect(told.join()).not.toContain('web.2');
  });
});

test.each([
  [{}, 'n1 is as it should be: heartbeats arrive, 0 tasks'],
  [
    { state: 'down', stateReason: 'silent for 5 s' } as const,
    'n1 is down: silent for 5 s; its tasks run elsewhere',
  ],
  [{ availability: 'drain' } as const, 'n1 is drained: it gets no tasks, 0 are left on it'],
  [{ availability: 'pause' } as const, 'n1 is cordoned: it keeps its 0 tasks and gets no new ones'],
  [{ pressure: 'the disk is 96 % full' }, 'n1 gets no new tasks: the disk is 96 % full'],
])('a host with %o says so', (more, words) => {
  const node = aNode({ id: 'n1', ...more });
  expect(whyNode(viewOf([node]), node, now).answer).toBe(words);
});
