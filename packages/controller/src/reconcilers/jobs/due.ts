import {
  isOverRun,
  keptRuns,
  missedAfterMs,
  type JobRun,
  type JobSpec,
  type JobStatus,
} from '@gantry/model/job';
import { lastDue, nextDue } from '@gantry/model/schedule';
import type { Service } from '@gantry/model/service';

/** The runs of a job as they are now to be, and when time alone asks for the next. */
export interface Due {
  readonly status: JobStatus;
  readonly wakeAt?: number;
}

/** Makes the run that is due: by the schedule, or because the job was applied anew. */
export function dueOf(service: Service, job: JobSpec, now: number): Due {
  const status = service.job ?? { runs: [] };
  return job.schedule === undefined
    ? onceDue(service, status, now)
    : scheduled(service, job, status, job.schedule, now);
}

export function currentRun({ runs }: JobStatus): JobRun | undefined {
  return runs.find((run) => !isOverRun(run));
}

/** The status with one of its runs changed. */
export function withRun(status: JobStatus, run: JobRun): JobStatus {
  return { ...status, runs: status.runs.map((other) => (other.number === run.number ? run : other)) };
}

export function endedRun(run: JobRun, state: 'complete' | 'failed', reason: string, now: number): JobRun {
  return { ...run, state, reason, endedAt: now };
}

/** One run for each revision; a newer one takes the place of a run that still goes on. */
function onceDue({ revisionId }: Service, status: JobStatus, now: number): Due {
  const newest = status.runs.findLast(({ state }) => state !== 'skipped');
  if (newest?.revisionId === revisionId) return { status };
  const current = currentRun(status);
  const over = current
    ? withRun(status, endedRun(current, 'failed', 'superseded by a newer revision', now))
    : status;
  return { status: added(over, revisionId, now, 'waiting', 'it was applied') };
}

function scheduled(service: Service, job: JobSpec, status: JobStatus, schedule: string, now: number): Due {
  const key = `${schedule} ${job.timeZone}`;
  // A schedule that is new begins now: it owes nothing for the past.
  const known: JobStatus = status.schedule === key ? status : { ...status, schedule: key, dealtWith: now };
  const after = known.dealtWith ?? now;
  const next = nextDue(schedule, job.timeZone, after);
  if (next === undefined) return { status: known };
  if (next > now) return { status: known, wakeAt: next };
  const dueAt = lastDue(schedule, job.timeZone, after, now) ?? next;
  const current = currentRun(known);
  if (current && job.overlap === 'queue') return { status: known };
  const dealt = dealWith({ ...known, dealtWith: dueAt }, service, job, { dueAt, now });
  const wakeAt = nextDue(schedule, job.timeZone, dueAt);
  return { status: dealt, ...(wakeAt !== undefined && wakeAt > now && { wakeAt }) };
}

function dealWith(
  status: JobStatus,
  { revisionId }: Service,
  job: JobSpec,
  { dueAt, now }: { readonly dueAt: number; readonly now: number },
): JobStatus {
  if (now - dueAt > missedAfterMs && job.missed === 'skip')
    return added(status, revisionId, dueAt, 'skipped', 'no controller could act when it was due');
  const current = currentRun(status);
  if (!current) return added(status, revisionId, dueAt, 'waiting', 'it was due');
  if (job.overlap === 'skip')
    return added(status, revisionId, dueAt, 'skipped', `run ${current.number} still went on`);
  const over = withRun(status, endedRun(current, 'failed', 'replaced by the next run', now));
  return added(over, revisionId, dueAt, 'waiting', 'it was due');
}

function added(
  status: JobStatus,
  revisionId: string,
  dueAt: number,
  state: 'waiting' | 'skipped',
  reason: string,
): JobStatus {
  const number = Math.max(0, ...status.runs.map((run) => run.number)) + 1;
  const run: JobRun = { number, state, reason, revisionId, dueAt, succeeded: 0, failures: {} };
  const runs = [...status.runs, run];
  // A run that goes on is never forgotten, however many were skipped meanwhile.
  const kept = runs.filter((other, index) => index >= runs.length - keptRuns || !isOverRun(other));
  return { ...status, runs: kept };
}
