import type { EndpointAssignment } from './assignment.ts';
import type { ServiceId, TaskId } from './ids.ts';
import { same } from './same.ts';

export type Backend = EndpointAssignment['backends'][number];

/** What changed of one endpoint that is known: who comes and who goes; all else stays. */
export interface BackendChange {
  readonly serviceId: ServiceId;
  /** New, or with another slot or address. */
  readonly put: readonly Backend[];
  readonly removed: readonly TaskId[];
  readonly idle: readonly string[];
  readonly noLongerIdle: readonly string[];
}

/** The way from one form of an endpoint to the next; undefined if it is told whole, because more than its tasks changed. */
export function backendChange(
  before: EndpointAssignment,
  after: EndpointAssignment,
): BackendChange | undefined {
  const frame = { backends: [], idle: [] };
  if (!same({ ...before, ...frame }, { ...after, ...frame })) return undefined;
  const old = new Map(before.backends.map((backend) => [backend.taskId, backend]));
  const put = after.backends.filter((backend) => !same(backend, old.get(backend.taskId)));
  const kept = new Set(after.backends.map(({ taskId }) => taskId));
  const [idleBefore, idleAfter] = [new Set(before.idle), new Set(after.idle)];
  return {
    serviceId: after.serviceId,
    put,
    removed: before.backends.flatMap(({ taskId }) => (kept.has(taskId) ? [] : [taskId])),
    idle: [...idleAfter].filter((address) => !idleBefore.has(address)),
    noLongerIdle: [...idleBefore].filter((address) => !idleAfter.has(address)),
  };
}

/** The endpoint after the change: `afterChange(a, backendChange(a, b))` is `b`, in its order. */
export function afterChange(before: EndpointAssignment, change: BackendChange): EndpointAssignment {
  const out = new Set([...change.removed, ...change.put.map(({ taskId }) => taskId)]);
  const noLongerIdle = new Set(change.noLongerIdle);
  return {
    ...before,
    backends: [...before.backends.filter(({ taskId }) => !out.has(taskId)), ...change.put].sort(inOrder),
    idle: [...before.idle.filter((address) => !noLongerIdle.has(address)), ...change.idle].sort(),
  };
}

/** The order of an endpoint's backends: by slot, then by the task's id. */
export function inOrder(a: Backend, b: Backend): number {
  return a.slot - b.slot || (a.taskId < b.taskId ? -1 : a.taskId === b.taskId ? 0 : 1);
}
