import { isOverRun } from '@gantry/model/job';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import type { View } from '../store/store.ts';

/** How far a service is from what it asks for. */
export interface Standing {
  /** Tasks that should run. */
  readonly desired: number;
  /** Ready tasks of the revision that it should run. */
  readonly ready: number;
  /** Nothing is on its way any more. */
  readonly atRest: boolean;
}

export function isReady({ desired, status }: Task): boolean {
  return desired === 'running' && status.state === 'running' && status.ready;
}

/** Where a service stands; one that is gone rests. */
export function standingOf(view: View, service: Service | undefined): Standing {
  if (!service) return { desired: 0, ready: 0, atRest: true };
  const live = [...view.tasksOfService(service.id)].filter((task) => isThere(view, task));
  if (service.removing) return { desired: 0, ready: 0, atRest: false };
  if (service.spec.job) return { ...jobStanding(service), ready: live.filter(isReady).length };
  const target = targetRevision(service);
  const wanted = live.filter(({ desired }) => desired === 'running');
  const ready = wanted.filter((task) => isReady(task) && task.revisionId === target).length;
  const { mode } = service.spec;
  const desired = mode.kind === 'replicated' ? mode.replicas : wanted.length;
  // What has ended well and is not run again is where it should be.
  const ended = [...view.tasksOfService(service.id)].filter(
    (task) => task.desired === 'running' && task.status.state === 'complete' && task.revisionId === target,
  ).length;
  const there = ready + ended >= desired && live.length === ready;
  return { desired, ready, atRest: there && service.update?.state !== 'rolling' };
}

/** A job with a schedule rests between its runs. */
function jobStanding({ spec, job, revisionId }: Service): Omit<Standing, 'ready'> {
  const run = job?.runs.at(-1);
  const scheduled = spec.job?.schedule !== undefined;
  const over = run ? isOverRun(run) && (scheduled || run.revisionId === revisionId) : scheduled;
  return { desired: 0, atRest: over };
}

/** A host that is down cannot say that what it should stop has stopped: that is not waited for. */
function isThere(view: View, { desired, nodeId, status }: Task): boolean {
  if (isTerminal(status.state)) return false;
  return desired === 'running' || nodeId === undefined || view.get('node', nodeId)?.state === 'ready';
}
