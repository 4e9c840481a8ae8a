import type { Revision, ServiceSpec } from './service.ts';
import { isTerminal, type Task } from './task.ts';

/*
 * `availability: prefer-one`: never two tasks of a place at once. Its host stops a task by itself when it has not been in
 * contact with the controller for `fenceMs`; the controller makes another only when that has surely happened.
 */

/** Time without contact after which a host stops such a task by itself, ms: longer than a controller's restart or failover. */
export const defaultFenceMs = 30_000;

/** For timers that are late, the end of the processes, and two clocks of which one runs up to 1 % slower. */
const marginMs = 5_000;
const clockShare = 0.01;

/** After this long without a word of its host such a task has surely ended, ms. */
export function surelyStoppedAfterMs(fenceMs: number, stopGraceMs: number): number {
  return Math.ceil((fenceMs + stopGraceMs) * (1 + clockShare)) + marginMs;
}

/** True if tasks of the revision are guarded by their host. It is settled when the revision is made, for a guard stands before its container. */
export function isFenced({ settings }: Pick<Revision, 'settings'>): boolean {
  return settings?.availability === 'prefer-one';
}

/** True if going from the revision to the spec puts tasks under guard, or takes them out of it. */
export function changesFence(revision: Pick<Revision, 'settings'>, spec: ServiceSpec): boolean {
  return isFenced(revision) !== (spec.availability === 'prefer-one');
}

/** How long their node must not be heard until each of the tasks that must never run twice has ended, ms, in order. */
export function waitsOf(
  tasks: Iterable<Task>,
  revisionOf: (id: string) => Revision | undefined,
  fenceMs: number,
): readonly number[] {
  const waits = new Set<number>();
  for (const task of tasks) {
    const revision = isTerminal(task.status.state) ? undefined : revisionOf(task.revisionId);
    if (revision && isFenced(revision))
      waits.add(surelyStoppedAfterMs(fenceMs, revision.container.stopGraceMs));
  }
  return [...waits].sort((a, b) => a - b);
}
