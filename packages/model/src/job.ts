import type { RevisionId } from './ids.ts';
import { isWhole, type Problem } from './rules.ts';
import { scheduleProblem } from './schedule.ts';

/**
 * A service whose tasks are to end well, and are then done. `mode.replicas` is how many must (a global one: once on each
 * host). It runs when it is applied anew, or on its schedule.
 */
export interface JobSpec {
  /** Tasks at once; 0 means all. */
  readonly parallelism: number;
  /** Failed tasks that are tried again in one run, before the run has failed. */
  readonly retries: number;
  /** A run may take this long, ms. */
  readonly deadlineMs?: number;
  /** The tasks of a run, and their logs, are removed this long after its end, ms. Absent: the last few stay. */
  readonly ttlMs?: number;
  /** When it runs, as cron writes it; absent: once for each revision. */
  readonly schedule?: string;
  /** Name of the time zone the schedule is in. */
  readonly timeZone: string;
  /** When it is due while a run goes on: leave it out, run once more afterwards, or stop the old run. */
  readonly overlap: 'skip' | 'queue' | 'replace';
  /** When it was due and no controller could act within a minute: run once, late, or leave it out. */
  readonly missed: 'run-once' | 'skip';
  /** Of all jobs of the cluster with the same group, one runs at a time; the others wait their turn. */
  readonly group?: string;
}

export const defaultJob: JobSpec = {
  parallelism: 0,
  retries: 3,
  timeZone: 'UTC',
  overlap: 'skip',
  missed: 'run-once',
};

/** Runs that are remembered. */
export const keptRuns = 10;
/** A run that is begun later than this was missed, ms. */
export const missedAfterMs = 60_000;

export type JobRunState = 'waiting' | 'running' | 'complete' | 'failed' | 'skipped';

/** One run of a job. */
export interface JobRun {
  /** 1, 2, 3 … within the service. */
  readonly number: number;
  readonly state: JobRunState;
  /** Why it is in this state: one sentence. */
  readonly reason: string;
  readonly revisionId: RevisionId;
  /** When it was to begin, ms since the epoch. */
  readonly dueAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Tasks that ended well; kept when the run ends, for its tasks may go. */
  readonly succeeded: number;
  /** Tasks that failed, by place; each is counted once. */
  readonly failures: Readonly<Record<string, JobFailures>>;
}

export interface JobFailures {
  readonly count: number;
  readonly lastTask: string;
  /** ms since the epoch. */
  readonly lastAt: number;
}

/** What became of a job. Written by `reconcilers/jobs` only. */
export interface JobStatus {
  /** The newest last; at most `keptRuns`. */
  readonly runs: readonly JobRun[];
  /** The schedule as it was last looked at, and up to when what was due has been dealt with. */
  readonly schedule?: string;
  readonly dealtWith?: number;
}

export function isOverRun({ state }: JobRun): boolean {
  return state !== 'waiting' && state !== 'running';
}

export function failuresOf({ failures }: JobRun): number {
  return Object.values(failures).reduce((sum, { count }) => sum + count, 0);
}

export function jobProblems(job: JobSpec): readonly Problem[] {
  const day = 86_400_000;
  const wrong = job.schedule === undefined ? undefined : scheduleProblem(job.schedule, job.timeZone);
  const rules: readonly (readonly [field: string, ok: boolean, message: string])[] = [
    [
      'parallelism',
      isWhole(job.parallelism, 0, 10_000),
      'parallelism must be a whole number from 0 (all at once)',
    ],
    ['retries', isWhole(job.retries, 0, 1_000), 'retries must be a whole number from 0 to 1000'],
    ['deadline', isWhole(job.deadlineMs ?? 1, 1, 365 * day), 'the deadline must be above 0'],
    ['ttl', isWhole(job.ttlMs ?? 0, 0, 365 * day), 'the ttl must be a duration of at most a year'],
    ['schedule', wrong === undefined, wrong ?? ''],
    [
      'group',
      /^[A-Za-z0-9._-]{1,63}$/.test(job.group ?? 'x'),
      'a group is a word of letters, digits, dots and dashes',
    ],
  ];
  return rules.flatMap(([field, ok, message]) => (ok ? [] : [{ path: `job.${field}`, message }]));
}
