import type { TaskAssignment } from '@gantry/model/assignment';
import type { HealthCheck } from '@gantry/model/health';
import type { TaskStatus } from '@gantry/model/task';

/** What is kept on disk of one task. */
export interface TaskRecord {
  readonly assignment: TaskAssignment;
  readonly status: TaskStatus;
  /** The container's files, mounts and network are gone. */
  readonly cleaned: boolean;
  /** What the next agent needs of the image, from just before the container was started. */
  readonly started?: StartFacts;
  /** Its health check has given it up: it is being ended, and this is why. */
  readonly unhealthy?: string;
}

/** What was settled when the container was about to start. */
export interface StartFacts {
  /** The boot of the host it was started in: after another one it does not run. */
  readonly bootId: string;
  readonly health?: HealthCheck;
  /** Of the service, else of the image, with SIG. */
  readonly stopSignal: string;
}

/** A change of a task's status: a state and its reason, and what else is to be said. */
export type StatusChange = Partial<TaskStatus> & Pick<TaskStatus, 'state' | 'reason'>;

/** The status after a change; the pid and the health are those of the change, everything else stays until it is changed. */
export function statusAfter(before: TaskStatus, change: StatusChange, at: number): TaskStatus {
  const { pid: _pid, health: _health, ...kept } = before;
  return { ...kept, ...change, ready: change.ready ?? false, at };
}
