import type { NodeId, RevisionId, ServiceId, TaskId } from './ids.ts';

/**
 * Task states, forward only:
 *
 *     new → pending → assigned → preparing → starting → running → complete | failed | rejected | shutdown | orphaned
 *
 * A task is one-shot: it is never run again and never moves to another node.
 */
export const taskStates = [
  'new',
  'pending',
  'assigned',
  'preparing',
  'starting',
  'running',
  'complete',
  'failed',
  'rejected',
  'shutdown',
  'orphaned',
] as const;

export type TaskState = (typeof taskStates)[number];

/** Where a task should go. `remove` means: stopped, and its record may be deleted. */
export type TaskDesired = 'running' | 'shutdown' | 'remove';

export interface TaskStatus {
  readonly state: TaskState;
  /** When this state began, ms since the epoch, by the clock of its writer. */
  readonly at: number;
  /** Why the task is in this state: one sentence for a person. Never empty. */
  readonly reason: string;
  /** Running and, if it has a health check, healthy: may get traffic. */
  readonly ready: boolean;
  /** The container's own address, once it has one. */
  readonly address?: string;
  /** Host pid of the container's first process, while it runs. */
  readonly pid?: number;
  /** Exit code of the process; 128+n when a signal ended it. */
  readonly exitCode?: number;
  /** What its health check says; absent without one. */
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** The kernel ended it because memory ran out. */
  readonly oom?: boolean;
}

/** One run of one copy of a service. Small by design: what it runs is in its revision. */
export interface Task {
  readonly kind: 'task';
  readonly id: TaskId;
  readonly version: number;
  readonly serviceId: ServiceId;
  readonly revisionId: RevisionId;
  /** The numbered place it fills, from 1; for a global service 0 (its node is its place). */
  readonly slot: number;
  readonly desired: TaskDesired;
  readonly nodeId?: NodeId;
  /** The one node it may be placed on: that of its place in a global service, or that which holds its volumes. */
  readonly only?: NodeId;
  readonly status: TaskStatus;
  /** When an update that watches this task saw it ready, by the controller's clock. Written by `reconcilers/services`. */
  readonly readySince?: number;
  /** It is to stop so that one of higher priority fits, in words. Written by `reconcilers/preempt`. */
  readonly makesWay?: string;
  /** The run of a job that it belongs to. */
  readonly run?: number;
  readonly createdAt: number;
}

const order = new Map<TaskState, number>(taskStates.map((state, index) => [state, index]));

/** True for states that a task never leaves. */
export function isTerminal(state: TaskState): boolean {
  return (order.get(state) ?? 0) > (order.get('running') ?? 0);
}

/** True if a task in state `from` may be said to be in state `to`: forward, or the same (a new reason or readiness). */
export function mayBecome(from: TaskState, to: TaskState): boolean {
  if (isTerminal(from)) return from === to;
  return (order.get(to) ?? 0) >= (order.get(from) ?? 0);
}

/** The node it is on, or will be on if it is placed at all; undefined while it may go anywhere. */
export function boundTo({ nodeId, only }: Pick<Task, 'nodeId' | 'only'>): NodeId | undefined {
  return nodeId ?? only;
}

/** True while an agent may hold something for the task: a process, mounts, an address. */
export function holdsNode(task: Task): boolean {
  return task.nodeId !== undefined && !isTerminal(task.status.state);
}

const plainKeys = 9;

/**
 * The task with its node and a new status. Written out for a task that has nothing but what every task has: placing makes
 * them by the hundred thousand, and a copy by spreading costs ten times as much.
 */
export function placedOn(task: Task, nodeId: NodeId, status: TaskStatus): Task {
  let keys = 0;
  for (const _key in task) keys++;
  if (keys !== plainKeys || task.nodeId !== undefined) return { ...task, nodeId, status };
  const { id, version, serviceId, revisionId, slot, desired, createdAt } = task;
  return { kind: 'task', id, version, serviceId, revisionId, slot, desired, status, createdAt, nodeId };
}
