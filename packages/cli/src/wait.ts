import type { ServiceError } from '@grpc/grpc-js';
import type {
  AppliedService,
  ServiceView,
  TaskView,
  WatchResponse,
} from '@gantry/proto/gen/gantry/v1/control';
import type { Context } from './context.ts';
import { createProgress, type Progress } from './output/progress.ts';

/** How a wait ended: exit codes of the product. */
const converged = 0;
const notConverged = 4;
const timedOut = 124;
const interrupted = 130;

/** A service whose tasks of the newest revision failed this often in a slot will not come up by waiting. */
const hopelessFailures = 3;

/** What is known of the services that are waited for. */
interface Seen {
  readonly services: Map<string, ServiceView>;
  readonly tasks: Map<string, TaskView>;
  readonly gone: Set<string>;
}

/** Follows services until they are as they should be; answers with the exit code, and says why not. */
export function waitForServices(context: Context, applied: readonly AppliedService[]): Promise<number> {
  const { client, timeoutMs } = context;
  const progress = createProgress(context.progress);
  const removed = new Set(
    applied.filter(({ change }) => change === 'removed').map(({ serviceId }) => serviceId),
  );
  const seen: Seen = { services: new Map(), tasks: new Map(), gone: new Set() };
  const ids = applied.map(({ serviceId }) => serviceId);
  return new Promise((resolve, reject) => {
    const stream = client.control.watch({ serviceIds: ids });
    const end = (code: number, words?: string): void => {
      clearTimeout(timer);
      process.off('SIGINT', onInterrupt);
      stream.cancel();
      progress.finish();
      if (words !== undefined) context.output.say(words);
      resolve(code);
    };
    const timer = setTimeout(
      () => end(timedOut, `not done after ${timeoutMs / 1_000} s:\n${reasons(seen)}`),
      timeoutMs,
    );
    const onInterrupt = (): void => end(interrupted, `it goes on in the cluster; look with \`gantry ps\``);
    process.once('SIGINT', onInterrupt);
    stream.on('error', (error: ServiceError) => {
      clearTimeout(timer);
      process.off('SIGINT', onInterrupt);
      progress.finish();
      reject(client.explain(error));
    });
    stream.on('data', (message: WatchResponse) => {
      take(seen, message, progress);
      if (ids.every((id) => isDone(seen, id, removed.has(id)))) end(converged);
      else if (isHopeless(seen)) end(notConverged, reasons(seen));
    });
  });
}

function take(seen: Seen, { services, tasks, removedServices }: WatchResponse, progress: Progress): void {
  for (const service of services) seen.services.set(service.id, service);
  for (const task of tasks) seen.tasks.set(task.id, task);
  for (const id of removedServices) seen.gone.add(id);
  progress.show(
    [...seen.services.values()].filter(({ id }) => !seen.gone.has(id)),
    tasks,
    [...seen.tasks.values()],
  );
}

function isDone({ services, gone, tasks }: Seen, id: string, removed: boolean): boolean {
  if (gone.has(id)) return true;
  const service = services.get(id);
  if (removed || !service) return false;
  if (service.upToDate < service.desired) return finished(service, [...tasks.values()]);
  return service.running === service.desired;
}

/** Tasks that ended well and are not to be run again count, too: a one-off is done when it is done. */
function finished(service: ServiceView, tasks: readonly TaskView[]): boolean {
  const complete = tasks.filter((task) => task.serviceId === service.id && task.status?.state === 'complete');
  return service.note === '' && service.upToDate + complete.length >= service.desired;
}

function isHopeless({ services, tasks, gone }: Seen): boolean {
  return [...services.values()].some((service) => {
    if (gone.has(service.id) || service.upToDate >= service.desired) return false;
    const failures = new Map<number, number>();
    for (const task of tasks.values()) {
      if (task.serviceId !== service.id || task.revision !== service.revision) continue;
      if (task.status?.state !== 'failed' && task.status?.state !== 'rejected') continue;
      failures.set(task.slot, (failures.get(task.slot) ?? 0) + 1);
    }
    return [...failures.values()].some((count) => count >= hopelessFailures);
  });
}

/** One line for each service that is not as it should be. */
function reasons({ services, gone }: Seen): string {
  const waiting = [...services.values()].filter(
    (service) => !gone.has(service.id) && service.upToDate < service.desired,
  );
  return waiting
    .map(
      ({ stack, name, upToDate, desired, note }) =>
        `error: ${stack}/${name}: ${upToDate} of ${desired} ready: ${note}`,
    )
    .join('\n');
}
