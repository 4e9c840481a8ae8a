import type { TaskState } from '@gantry/model/task';

/** What the runner knows when it asks what to do next. */
export interface Situation {
  /** What the controller wants of the task; `gone`: it is no longer assigned here. */
  readonly desired: 'running' | 'shutdown' | 'gone';
  readonly state: TaskState;
  /** What stands on the host for this task. */
  readonly container: 'none' | 'running' | 'stopped' | 'broken';
  /** True once image, network and root file system are there. */
  readonly prepared: boolean;
  /** The container was, or may have been, started in another boot of the host. */
  readonly bootGone: boolean;
  /** Its health check has given it up. */
  readonly unhealthy: boolean;
  /** Nothing of the task is left on the host but its log. */
  readonly cleaned: boolean;
  /** It runs with other limits than it should have. */
  readonly outdated?: boolean;
  /** Connections may still be open that should end before the stop signal. */
  readonly draining?: boolean;
  /** Monotonic ms. */
  readonly now: number;
  /** When the stop signal was sent. */
  readonly stopSentAt?: number;
  readonly stopGraceMs: number;
  /** Failed attempts to prepare, and when the next is due. */
  readonly retryAt?: number;
}

export type Step =
  /** Pull the image, attach the network, mount the root. */
  | { readonly do: 'prepare' }
  | { readonly do: 'run' }
  /** It runs, started by an agent that died before it could say so. */
  | { readonly do: 'adopt' }
  /** Give the running container its new limits. */
  | { readonly do: 'update' }
  /** Wait for the open connections, a bounded time. */
  | { readonly do: 'drain' }
  | { readonly do: 'stop' }
  | { readonly do: 'kill' }
  /** It ended by itself, or was stopped: say how. */
  | { readonly do: 'report end' }
  /** It never ran and will not: say so. */
  | { readonly do: 'report stopped' }
  | { readonly do: 'clean' }
  /** Nothing until something happens, or until this moment. */
  | { readonly do: 'wait'; readonly until?: number }
  /** Nothing more, ever: the runner may be forgotten. */
  | { readonly do: 'finish' };

const ended: ReadonlySet<TaskState> = new Set<TaskState>([
  'complete',
  'failed',
  'rejected',
  'shutdown',
  'orphaned',
]);

/**
 * The one next step of a task on its host: forward only, and the same whether the agent has just made the last step or has
 * just come back after it. A container is started at most once in the life of its task.
 */
export function nextStep(situation: Situation): Step {
  if (ended.has(situation.state)) return afterEnd(situation);
  if (situation.container === 'stopped') return { do: 'report end' };
  if (situation.desired !== 'running') return stopping(situation);
  if (situation.unhealthy)
    return situation.container === 'running' ? stopping(situation) : { do: 'report end' };
  switch (situation.container) {
    case 'running':
      if (situation.state !== 'running') return { do: 'adopt' };
      return situation.outdated ? { do: 'update' } : { do: 'wait' };
    case 'broken':
      // Half made by an agent that died: take it away and make it anew, it never ran.
      return { do: 'clean' };
    case 'none':
      return starting(situation);
  }
}

function afterEnd({ cleaned, desired }: Situation): Step {
  if (!cleaned) return { do: 'clean' };
  return desired === 'gone' ? { do: 'finish' } : { do: 'wait' };
}

/** A task that ran, or may have, and whose container is gone has ended; it is never run a second time. */
function starting({ state, bootGone, prepared, retryAt, now }: Situation): Step {
  if (state === 'running' || bootGone) return { do: 'report end' };
  if (retryAt !== undefined && now < retryAt) return { do: 'wait', until: retryAt };
  return prepared ? { do: 'run' } : { do: 'prepare' };
}

function stopping({ container, draining, stopSentAt, stopGraceMs, now }: Situation): Step {
  if (container !== 'running') return { do: 'report stopped' };
  if (stopSentAt === undefined) return { do: draining ? 'drain' : 'stop' };
  const killAt = stopSentAt + stopGraceMs;
  return now < killAt ? { do: 'wait', until: killAt } : { do: 'kill' };
}
