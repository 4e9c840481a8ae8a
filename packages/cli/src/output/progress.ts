import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import type { Io } from '../io.ts';
import type { ProgressKind } from '../options.ts';
import type { Rollout, TaskChange } from '../rollout/rollout.ts';
import { drawn } from './drawn.ts';
import type { Paint } from './paint.ts';
import { taskName } from './shapes.ts';
import { printable } from './table.ts';

/** Shows how services come up, on stderr. */
export interface Progress {
  show(rollout: Rollout, changes: readonly TaskChange[]): void;
  finish(): void;
}

export interface ProgressDeps {
  readonly io: Io;
  readonly progress: ProgressKind;
  readonly paint: Paint;
}

export function createProgress({ io, progress, paint }: ProgressDeps): Progress {
  switch (progress) {
    case 'auto':
      return isScreen(io) ? drawn(io, paint) : lines(io, plain);
    case 'tty':
      return drawn(io, paint);
    case 'plain':
      return lines(io, plain);
    case 'json':
      return lines(io, (change) => JSON.stringify(event(change)));
    case 'quiet':
      return { show: () => undefined, finish: () => undefined };
  }
}

/** The stream that is drawn on is the one that is asked. */
function isScreen({ stderr, env }: Io): boolean {
  return stderr.isTTY === true && env['TERM'] !== 'dumb' && env['CI'] === undefined;
}

/** One line for each change of state. */
function lines(io: Io, format: (change: TaskChange) => string): Progress {
  return {
    show: (_rollout, changes) => {
      for (const change of changes) io.stderr.write(`${format(change)}\n`);
    },
    finish: () => undefined,
  };
}

function event({ task: { stack, service, slot, node, status }, from }: TaskChange) {
  return { t: status?.at, stack, service, slot, node, from, to: status?.state, reason: status?.reason };
}

function plain({ task }: TaskChange): string {
  const where = task.node === '' ? '' : ` ${task.node}`;
  const state = task.status?.state ?? '';
  const reason = reasonOf(task);
  return `${taskName(task)}${where} ${state}${reason === '' ? '' : `: ${reason}`}`;
}

/** Nothing where the reason only says the state again. */
function reasonOf({ status }: TaskView): string {
  return status === undefined || status.reason === status.state ? '' : printable(status.reason);
}
