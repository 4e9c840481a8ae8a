import type { Service } from '@gantry/model/service';
import { isTerminal, type Task, type TaskStatus } from '@gantry/model/task';
import type { View } from '../store/store.ts';

/** How long things are taken to last on a host, ms. A forecast is about order and room; nobody knows its seconds. */
const lasts = { start: 1_000, ready: 1_000, stop: 500, job: 5_000 } as const;

/** What a host does next with a task, and after how long. */
export interface HostStep {
  readonly afterMs: number;
  readonly status: TaskStatus;
}

/**
 * What a host that does as it is told does next: a task starts, becomes ready, stops when asked; one that is to end, ends
 * well. A task that is not ready for other reasons than its start stays as it is. Undefined: nothing, or nobody knows.
 */
export function hostStep(view: View, task: Task, ends: boolean): HostStep | undefined {
  const { status } = task;
  const node = view.get('node', task.nodeId ?? '');
  if (isTerminal(status.state) || !node || node.state === 'down' || node.silentSince !== undefined)
    return undefined;
  const become = (afterMs: number, more: Partial<TaskStatus>): HostStep => ({
    afterMs,
    status: { ...status, ...more },
  });
  if (task.desired !== 'running')
    return become(lasts.stop, { state: 'shutdown', ready: false, reason: 'stopped as asked' });
  if (status.state !== 'running')
    return become(lasts.start, { state: 'running', ready: false, reason: 'running' });
  if (ends) return become(lasts.job, { state: 'complete', ready: false, reason: 'ended well', exitCode: 0 });
  if (status.ready || status.health === 'unhealthy') return undefined;
  return become(lasts.ready, { ready: true, reason: 'ready' });
}

/** True if its tasks are to end well: a job, or what another service waits for to have ended. */
export function endsWell(view: View, service: Service | undefined): boolean {
  if (!service) return false;
  if (service.spec.job) return true;
  for (const other of view.dependentsInStack(service.spec.stack)) {
    const waits = other.spec.dependsOn?.some(
      (one) => one.service === service.spec.name && one.condition === 'service_completed_successfully',
    );
    if (waits) return true;
  }
  return false;
}
