import type { Task } from '@gantry/model/task';
import type { View } from '../../store/store.ts';
import type { PlaceStep } from './replace.ts';
import type { Rollout } from './rollout.ts';
import { nextBeginAt } from './rollout.ts';
import { fitsInsteadOf } from './room.ts';

type Candidate = PlaceStep & { readonly candidate: Task };

/**
 * Lets places make way for new tasks: one alone until it has proven the revision, then as many at once as the policy says.
 * Start-first where nothing forbids it. Stop-first if a host port can be held by one task only, or if the new task waits
 * for the very room that the old one holds.
 */
export function inTurn(view: View, rollout: Rollout, steps: readonly PlaceStep[]): readonly PlaceStep[] {
  const yielded = steps.map((step) => yielding(view, rollout, step, steps));
  const filling = steps.some(({ create, restart, rolling }) => !rolling && (create !== undefined || restart));
  const beginAt = nextBeginAt(view, rollout);
  let begins = 0;
  return yielded.map((step) => {
    if (!step.candidate) return step;
    const candidate = { ...step, candidate: step.candidate };
    const moves = candidate.candidate.revisionId === step.wanted;
    // Places that are still filling up come first: an update must not take ready tasks while others are missing.
    if (!moves && (filling || rollout.now < beginAt)) return step;
    const room = limitOf(rollout, moves) - busy(steps, rollout, moves) - begins;
    if (room <= 0) return step;
    const begun = begin(view, rollout, candidate, steps, moves);
    if (begun !== candidate) begins++;
    return begun;
  });
}

/** When time alone lets a next place begin. */
export function turnAt(view: View, rollout: Rollout, steps: readonly PlaceStep[]): number | undefined {
  const at = nextBeginAt(view, rollout);
  return steps.some(({ candidate }) => candidate) && at > rollout.now ? at : undefined;
}

function limitOf({ proven, policy }: Rollout, moves: boolean): number {
  if (!proven && !moves) return 1;
  return policy.parallelism === 0 ? Infinity : policy.parallelism;
}

/** Places on their way. One that is only moved proves nothing about a new revision, so it need not wait for the watch. */
function busy(steps: readonly PlaceStep[], { stopFirst, now }: Rollout, moves: boolean): number {
  return steps.filter(
    ({ rolling, failed, create, current, watchedAt }) =>
      // One that has failed and waits for its next try keeps its old task, and holds up no other.
      (rolling && !(failed && current === 'none' && create === undefined && !stopFirst)) ||
      (current === 'coming' && (stopFirst || !moves)) ||
      (!moves && watchedAt !== undefined && now < watchedAt),
  ).length;
}

function begin(
  view: View,
  rollout: Rollout,
  step: Candidate,
  steps: readonly PlaceStep[],
  moves: boolean,
): PlaceStep {
  if (!rollout.stopFirst) return { ...step, create: step.wanted };
  // Others found no host: stopping one more helps only if its room is sure to be enough.
  const others = steps.some(({ current }) => current === 'waiting');
  if (others && !moves && !fitsInsteadOf(view, step.wanted, step.candidate)) return step;
  return { ...step, stop: [...step.stop, step.candidate] };
}

/** The new task found no host: the old one goes first, if that is sure to help and nobody asked for start-first. */
function yielding(view: View, rollout: Rollout, step: PlaceStep, steps: readonly PlaceStep[]): PlaceStep {
  const { inTheWay } = step;
  if (!inTheWay || rollout.policy.order === 'start-first') return step;
  if (unsettled(steps, rollout.now) || !fitsInsteadOf(view, step.wanted, inTheWay)) return step;
  return { ...step, stop: [...step.stop, inTheWay] };
}

/** True while a wanted task is on its way or has not been watched: not the time to stop another ready one. */
function unsettled(steps: readonly PlaceStep[], now: number): boolean {
  return steps.some(
    ({ current, watchedAt }) => current === 'coming' || (watchedAt !== undefined && now < watchedAt),
  );
}
