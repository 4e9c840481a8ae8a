import { failuresOf, isOverRun, type JobRun } from '@gantry/model/job';
import { nextDue } from '@gantry/model/schedule';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import * as fromModel from '@gantry/proto/from-model';
import type { HistoryResponse, JobView, RunView, UpdateView } from '@gantry/proto/gen/gantry/v1/control';
import type { View } from '../store/store.ts';
import { fullName } from './names.ts';
import { revisionsOf, specOf } from './revisions.ts';

/** Revisions and runs of a service, the newest first. */
export function historyOf(view: View, service: Service): HistoryResponse {
  const target = targetRevision(service);
  return {
    name: fullName(service),
    revisions: revisionsOf(view, service).map((revision) => ({
      number: revision.number,
      id: revision.id,
      createdAt: revision.createdAt,
      cause: revision.cause ?? '',
      spec: fromModel.serviceSpec(
        revision.id === service.revisionId ? service.spec : specOf(revision, service.spec),
      ),
      image: fromModel.image(revision.image),
      asked: revision.id === service.revisionId,
      running: revision.id === target,
    })),
    runs: [...(service.job?.runs ?? [])].reverse().map((run) => runView(view, run)),
  };
}

/** How far the newest update is; undefined before the first revision was up. */
export function updateView(view: View, service: Service, desired: number): UpdateView | undefined {
  const { update } = service;
  if (!update) return undefined;
  const target = targetRevision(service);
  const moved = [...view.tasksOfService(service.id)].filter((task) => isServing(task, target)).length;
  const number = (id: string): number => view.get('revision', id)?.number ?? 0;
  return {
    state: update.state,
    back: update.back,
    to: number(update.to),
    stable: update.stable === undefined ? undefined : number(update.stable),
    reason: update.reason,
    startedAt: update.startedAt,
    at: update.at,
    moved: Math.min(moved, desired),
    total: desired,
    held: service.hold?.paused ?? false,
  };
}

/** The update in a few words for a table; empty when there is nothing to say. */
export function updateNote(update: UpdateView | undefined): string {
  if (!update) return '';
  const { state, back, to, stable, reason, moved, total, held } = update;
  const way = `${moved} of ${total}`;
  if (state === 'paused') return `update paused: ${reason}`;
  if (back)
    return state === 'done'
      ? `rolled back to revision ${stable ?? 0}: ${reason}`
      : `rolling back, ${way}: ${reason}`;
  if (state === 'done') return '';
  return held ? `update to revision ${to} is paused by hand, ${way}` : `updating to revision ${to}: ${way}`;
}

export function jobView(view: View, service: Service): JobView | undefined {
  const { job, mode } = service.spec;
  if (!job) return undefined;
  const runs = service.job?.runs ?? [];
  const run = runs.find((one) => !isOverRun(one)) ?? runs.findLast(({ state }) => state !== 'skipped');
  const after = service.job?.dealtWith ?? service.createdAt;
  return {
    run: run && runView(view, run),
    schedule: job.schedule,
    nextAt: job.schedule === undefined ? undefined : nextDue(job.schedule, job.timeZone, after),
    completions: mode.kind === 'replicated' ? mode.replicas : view.count('node'),
  };
}

export function runView(view: View, run: JobRun): RunView {
  return {
    number: run.number,
    state: run.state,
    reason: run.reason,
    revision: view.get('revision', run.revisionId)?.number ?? 0,
    dueAt: run.dueAt,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    succeeded: run.succeeded,
    failed: failuresOf(run),
  };
}

function isServing({ revisionId, desired, status }: Task, target: string): boolean {
  return revisionId === target && desired === 'running' && status.ready && !isTerminal(status.state);
}

/** A job in a few words for a table. */
export function jobNote(job: JobView): string {
  const { run, nextAt } = job;
  const next = nextAt === undefined ? '' : `next at ${new Date(nextAt).toISOString().slice(0, 16)}Z`;
  if (!run) return next === '' ? 'about to run' : next;
  return [`run ${run.number} ${run.state}: ${run.reason}`, next].filter((words) => words !== '').join('; ');
}
