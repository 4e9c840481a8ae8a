import fc from 'fast-check';
import type { JobRun, JobSpec, JobStatus } from '@gantry/model/job';
import { moment } from './random-moments.ts';

/** A job, and what became of it so far. */
export function jobOf(id: string): fc.Arbitrary<readonly [JobSpec, JobStatus | undefined]> {
  const job: fc.Arbitrary<JobSpec> = fc.record(
    {
      parallelism: fc.nat({ max: 2 }),
      retries: fc.nat({ max: 3 }),
      deadlineMs: fc.constantFrom(8_000, 600_000),
      ttlMs: fc.constantFrom(0, 60_000),
      schedule: fc.constantFrom('* * * * *', '0 3 * * *'),
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin'),
      overlap: fc.constantFrom('skip', 'queue', 'replace'),
      missed: fc.constantFrom('run-once', 'skip'),
      group: fc.constant('g'),
    },
    { requiredKeys: ['parallelism', 'retries', 'timeZone', 'overlap', 'missed'] },
  );
  const run = fc
    .record({
      state: fc.constantFrom('waiting', 'running', 'complete', 'failed', 'skipped' as const),
      revision: fc.constantFrom('r1', 'r2'),
      at: moment,
      failed: fc.nat({ max: 3 }),
    })
    .map(({ state, revision, at, failed }): Omit<JobRun, 'number'> => ({
      state,
      reason: 'by chance',
      revisionId: `${id}-${revision}`,
      dueAt: at,
      ...(state !== 'waiting' && { startedAt: at }),
      ...(!['waiting', 'running'].includes(state) && { endedAt: at }),
      succeeded: 0,
      failures: failed > 0 ? { '1': { count: failed, lastTask: 't1', lastAt: at } } : {},
    }));
  const status = fc
    .record({
      over: run,
      current: run,
      dealtWith: fc.option(moment, { nil: undefined }),
      known: fc.boolean(),
    })
    .map(({ over, current, dealtWith, known }): JobStatus => ({
      runs: [
        { ...over, number: 1, state: 'complete' },
        { ...current, number: 2 },
      ],
      ...(known && { schedule: '* * * * * UTC' }),
      ...(dealtWith !== undefined && { dealtWith }),
    }));
  return fc.tuple(job, fc.option(status, { nil: undefined }));
}
