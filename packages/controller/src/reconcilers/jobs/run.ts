import { failuresOf, type JobFailures, type JobRun, type JobSpec } from '@gantry/model/job';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import type { View } from '../../store/store.ts';
import type { Env } from '../reconciler.ts';
import { isLive, isLost, isStopping, newestEnded, placesOf, type Place } from '../services/places.ts';
import { endedRun } from './due.ts';

type When = Pick<Env, 'now' | 'settings'>;

/** What becomes of a run that goes on. */
export interface RunStep {
  readonly run: JobRun;
  readonly create: readonly Place[];
  readonly stop: readonly Task[];
  readonly wakeAt?: number;
}

/** Counts what ended, ends the run if it is over, else says which places get a task now. */
export function stepOfRun(
  view: View,
  service: Service,
  job: JobSpec,
  before: JobRun,
  { now, settings }: When,
): RunStep {
  // A run stays with the revision it began with.
  const { update: _update, ...plain } = service;
  const places = placesOf(view, { ...plain, revisionId: before.revisionId }).wanted.map((place) => ({
    ...place,
    tasks: place.tasks.filter(({ run }) => run === before.number),
  }));
  const run = counted(before, places, now);
  const over = overOf(view, service, job, run, places, now);
  if (over) return { run: over, create: [], stop: [] };
  const states = places.map((place) => stateOf(view, service, run, place, { now, settings }));
  const live = states.filter(({ state }) => state === 'busy').length;
  const room = job.parallelism === 0 ? places.length : job.parallelism - live;
  const ready = states.filter(({ state }) => state === 'open').slice(0, Math.max(0, room));
  const times = [
    ...states.flatMap(({ at }) => (at !== undefined && at > now ? [at] : [])),
    ...(job.deadlineMs === undefined ? [] : [(run.startedAt ?? now) + job.deadlineMs]),
  ];
  return {
    run,
    create: ready.map(({ place }) => place),
    stop: places.flatMap(({ tasks }) => tasks.filter((task) => mustGo(view, task))),
    ...(times.length > 0 && { wakeAt: Math.min(...times) }),
  };
}

function counted(run: JobRun, places: readonly Place[], now: number): JobRun {
  const failures: Record<string, JobFailures> = { ...run.failures };
  for (const { key, tasks } of places) {
    const ended = newestEnded(tasks);
    const known = failures[key];
    if (!ended || ended.status.state === 'complete' || known?.lastTask === ended.id) continue;
    failures[key] = { count: (known?.count ?? 0) + 1, lastTask: ended.id, lastAt: now };
  }
  const succeeded = places.filter(({ tasks }) => tasks.some(isDone)).length;
  return { ...run, failures, succeeded };
}

function overOf(
  view: View,
  service: Service,
  job: JobSpec,
  run: JobRun,
  places: readonly Place[],
  now: number,
): JobRun | undefined {
  if (run.succeeded === places.length && (places.length > 0 || service.spec.mode.kind === 'replicated'))
    return endedRun(run, 'complete', `${places.length} of ${places.length} ended well`, now);
  const failed = failuresOf(run);
  if (failed > job.retries) {
    const [place] = places.filter(
      ({ tasks }) => newestEnded(tasks)?.status.state !== 'complete' && newestEnded(tasks),
    );
    const last = place && newestEnded(place.tasks);
    const name = place?.node
      ? `${service.spec.name} on ${place.node.name}`
      : `${service.spec.name}.${place?.slot ?? 0}`;
    const why = last ? `${name}: ${last.status.reason}` : 'its tasks failed';
    return endedRun(run, 'failed', failed > 1 ? `${why} (${failed} failures)` : why, now);
  }
  if (job.deadlineMs !== undefined && now >= (run.startedAt ?? now) + job.deadlineMs)
    return endedRun(run, 'failed', `not done after ${Math.round(job.deadlineMs / 1_000)} s`, now);
  return undefined;
}

interface PlaceState {
  readonly place: Place;
  readonly state: 'done' | 'busy' | 'backing off' | 'closed' | 'open';
  /** End of the back-off. */
  readonly at?: number;
}

function stateOf(
  view: View,
  { spec }: Service,
  run: JobRun,
  place: Place,
  { now, settings }: When,
): PlaceState {
  const { tasks } = place;
  if (tasks.some(isDone)) return { place, state: 'done' };
  if (tasks.some((task) => (isLive(task) && !mustGo(view, task)) || isStopping(view, task, settings)))
    return { place, state: 'busy' };
  if (tasks.some((task) => mustGo(view, task) && !isLost(view, task))) return { place, state: 'busy' };
  if (!place.fillable) return { place, state: 'closed' };
  const failures = run.failures[place.key];
  if (!failures) return { place, state: 'open' };
  const { delayMs, maxDelayMs } = spec.restart;
  const at = failures.lastAt + Math.min(maxDelayMs, delayMs * 2 ** Math.min(30, failures.count - 1));
  return { place, state: now < at ? 'backing off' : 'open', at };
}

/** Its host is lost or is being drained: another is made, and this is no failure. */
function mustGo(view: View, task: Task): boolean {
  if (!isLive(task)) return false;
  if (task.makesWay !== undefined) return true;
  return isLost(view, task) || view.get('node', task.nodeId ?? '')?.availability === 'drain';
}

function isDone({ status, desired }: Task): boolean {
  return status.state === 'complete' && isTerminal(status.state) && desired !== 'remove';
}
