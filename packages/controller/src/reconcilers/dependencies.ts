import type { Dependency } from '@gantry/model/dependency';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import type { Change, View } from '../store/store.ts';
import { isLost, placesOf } from './services/places.ts';

/** What a service still waits for. */
export interface Waiting {
  /** `waits for db to be ready` */
  readonly reason: string;
  /** It will not come true by waiting. */
  readonly hopeless: boolean;
}

/** The first of its dependencies that is not met, or undefined. */
export function waitingOf(view: View, { spec }: Service): Waiting | undefined {
  for (const dependency of spec.dependsOn ?? []) {
    const waiting = unmet(view, spec.stack, dependency);
    if (waiting) return waiting;
  }
  return undefined;
}

/** Services whose decision may hang on what changed of another service of their stack. */
export function* dependentsOf(change: Change, view: View): Iterable<string> {
  if (change.kind === 'service') {
    for (const service of [change.before, change.after])
      if (service) yield* dependentsOn(view, service.spec.stack, service.spec.name);
  } else if (change.kind === 'task') {
    const task = change.after ?? change.before;
    const service = task && view.get('service', task.serviceId);
    if (service) yield* dependentsOn(view, service.spec.stack, service.spec.name);
  } else if (change.kind === 'node') {
    // A lost host takes ready tasks with it; a new one is a place of global services. Both are rare.
    for (const service of view.all('service')) if (service.spec.dependsOn) yield service.id;
  } else if (change.kind === 'revision') {
    const revision = change.after ?? change.before;
    const service = revision && view.get('service', revision.serviceId);
    if (service) yield* dependentsOn(view, service.spec.stack, service.spec.name);
  }
}

function* dependentsOn(view: View, stack: string, name: string): Iterable<string> {
  for (const { id, spec } of view.dependentsInStack(stack))
    if (spec.dependsOn?.some(({ service }) => service === name)) yield id;
}

function unmet(view: View, stack: string, dependency: Dependency): Waiting | undefined {
  const { service: name, condition, required } = dependency;
  const other = view.serviceNamed(stack, name);
  if (!other || other.removing)
    return required ? { reason: `waits for ${name}, which is not there`, hopeless: false } : undefined;
  if (other.spec.job) return unmetJob(other, dependency);
  const met =
    condition === 'service_started' ? isStarted : condition === 'service_healthy' ? isReady : isComplete;
  const { wanted } = placesOf(view, other);
  const target = targetRevision(other);
  const all = wanted.every(({ tasks }) =>
    tasks.some((task) => task.revisionId === target && !isLost(view, task) && met(task)),
  );
  return all ? undefined : { reason: `waits for ${name} ${words[condition]}`, hopeless: false };
}

function unmetJob({ job, revisionId, spec }: Service, { condition }: Dependency): Waiting | undefined {
  const run = job?.runs.findLast(({ state }) => state !== 'skipped');
  const waits = { reason: `waits for ${spec.name} ${words[condition]}`, hopeless: false };
  // A job with a schedule counts by its newest run; another one must have run as it is now.
  if (!run || (spec.job?.schedule === undefined && run.revisionId !== revisionId)) return waits;
  if (run.state === 'complete') return undefined;
  if (run.state === 'failed')
    return { reason: `needs ${spec.name}, which failed: ${run.reason}`, hopeless: true };
  return run.state === 'running' && condition !== 'service_completed_successfully' ? undefined : waits;
}

const words = {
  service_started: 'to have started',
  service_healthy: 'to be ready',
  service_completed_successfully: 'to have ended well',
} as const;

function isStarted({ desired, status }: Task): boolean {
  return (desired === 'running' && status.state === 'running') || status.state === 'complete';
}

function isReady({ desired, status }: Task): boolean {
  return desired === 'running' && status.ready && !isTerminal(status.state);
}

function isComplete({ status }: Task): boolean {
  return status.state === 'complete';
}
