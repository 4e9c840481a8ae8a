import type { Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import type { View } from '../../store/store.ts';
import type { PlaceStep } from './replace.ts';
import { fitsInsteadOf } from './room.ts';

/**
 * Lets one place at a time make way for a new task. Start-first where nothing forbids it. Stop-first if a host port can be
 * held by one task only, or if the new task waits for the very room that the old one holds.
 */
export function inTurn(
  view: View,
  service: Service,
  steps: readonly PlaceStep[],
  now: number,
): readonly PlaceStep[] {
  if (steps.some(({ rolling }) => rolling))
    return steps.map((step) => yielding(view, service, step, steps, now));
  // Places that are still filling up come first: an update must not take ready tasks while others are missing.
  const filling = steps.some(({ create, restart }) => create || restart !== undefined);
  const next = filling ? undefined : steps.find(({ candidate }) => candidate);
  if (!next?.candidate) return steps;
  const begun = begin(view, service, { ...next, candidate: next.candidate }, steps, now);
  return steps.map((step) => (step === next ? begun : step));
}

function begin(
  view: View,
  service: Service,
  step: PlaceStep & { readonly candidate: Task },
  steps: readonly PlaceStep[],
  now: number,
): PlaceStep {
  const stopFirst = service.spec.ports.some(({ mode }) => mode === 'host');
  if (!stopFirst) return { ...step, create: true };
  const moves = step.candidate.revisionId === service.revisionId;
  // One that is only moved proves nothing about a new revision, so it need not wait for the watch.
  if (unsettled(steps, moves ? Infinity : now)) return step;
  // Others found no host: stopping one more helps only if its room is sure to be enough.
  const others = steps.some(({ current }) => current === 'waiting');
  if (others && !moves && !fitsInsteadOf(view, service, step.candidate)) return step;
  return { ...step, stop: [...step.stop, step.candidate] };
}

/** The new task found no host: the old one goes first, if that is sure to help. */
function yielding(
  view: View,
  service: Service,
  step: PlaceStep,
  steps: readonly PlaceStep[],
  now: number,
): PlaceStep {
  const { inTheWay } = step;
  if (!inTheWay || unsettled(steps, now) || !fitsInsteadOf(view, service, inTheWay)) return step;
  return { ...step, stop: [...step.stop, inTheWay] };
}

/** True while a wanted task is on its way or has not been watched: not the time to stop another ready one. */
function unsettled(steps: readonly PlaceStep[], now: number): boolean {
  return steps.some(
    ({ current, watchedAt }) => current === 'coming' || (watchedAt !== undefined && now < watchedAt),
  );
}
