import { describe, expect, test } from 'vitest';
import { defaultJob, type JobRun } from '@gantry/model/job';
import { defaultRestart, type Service } from '@gantry/model/service';
import { aContainer, aNode, aRevision, aStatus, aTask, viewOf } from '../../../../tests/support/builders.ts';
import { now, spec, web, hosts, task, up, ask, update } from '../../../../tests/support/explained.ts';
import { whyService } from './why.ts';

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
