import type { RestartPolicy } from '@gantry/model/service';
import type { AppliedService, ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';

/** A service that is waited for, and what was done to it. */
export interface Goal {
  readonly serviceId: string;
  /** `stack/service` */
  readonly name: string;
  readonly change: 'created' | 'updated' | 'unchanged' | 'removed';
  /** Known to who has the file. */
  readonly restart?: RestartPolicy;
  /** The revision is of no account: also the last good one, after a failed update, will do. */
  readonly anyRevision?: boolean;
}

export function goalOf({ serviceId, name, change }: AppliedService, restart?: RestartPolicy): Goal {
  const known = (['created', 'updated', 'unchanged', 'removed'] as const).find((one) => one === change);
  return { serviceId, name, change: known ?? 'updated', ...(restart && { restart }) };
}

/** A place that fails this often in a row will not come up by waiting: about 7 s of restarts at the default delays. */
const hopelessFailures = 5;
/** A host that refuses a task says why, and says the same again: about 1 s. */
const hopelessRejections = 3;

/** Failures after which waiting makes no sense: fewer if the service's own policy gives up sooner. */
export function failuresAllowed({ restart }: Goal, state: 'failed' | 'rejected'): number {
  const usual = state === 'failed' ? hopelessFailures : hopelessRejections;
  if (restart?.condition === 'none') return 1;
  return Math.min(usual, (restart?.maxAttempts ?? usual) + 1);
}

/** The place a task fills: its slot, or for a global service its host. */
export function placeOf({ slot, nodeId }: TaskView): string {
  return slot === 0 ? nodeId : String(slot);
}

/**
 * Places whose work is done: the newest task of the newest revision ended well and is not run again. One that ended well
 * before in the same place is run again and again, whatever we know of its policy.
 */
export function endedPlaces(service: ServiceView, goal: Goal, tasks: readonly TaskView[]): number {
  if (goal.restart?.condition === 'any') return 0;
  const current = tasks.filter(({ revision }) => revision === service.revision);
  return [...groupedBy(current, placeOf).values()].filter((own) => {
    const complete = own.filter(({ status }) => status?.state === 'complete');
    return complete.length === 1 && newest(own) === complete[0] && (own[0]?.slot ?? 0) <= limitOf(service);
  }).length;
}

function limitOf({ mode, desired }: ServiceView): number {
  return mode === 'global' ? 0 : desired;
}

export function newest(tasks: readonly TaskView[]): TaskView | undefined {
  return [...tasks].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))[0];
}

/** Items by a key, keys in the order of their first item. */
export function groupedBy<T>(
  items: readonly T[],
  key: (item: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
