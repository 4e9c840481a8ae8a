import { styleText } from 'node:util';
import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import type { ProgressKind } from '../options.ts';
import { taskName } from './shapes.ts';
import { printable } from './table.ts';

/** Shows how services come up, on stderr. */
export interface Progress {
  /** All services as they are, the tasks that changed, and all tasks. */
  show(services: readonly ServiceView[], changed: readonly TaskView[], tasks: readonly TaskView[]): void;
  finish(): void;
}

/** A line a replica up to here; more would scroll what matters away. */
const maxLines = 20;
/** Redrawn at most this often, ms. */
const redrawMs = 100;

export function createProgress(kind: ProgressKind): Progress {
  const tty = process.stderr.isTTY && process.env['TERM'] !== 'dumb' && process.env['CI'] === undefined;
  switch (kind) {
    case 'auto':
      return tty ? drawn() : plain();
    case 'tty':
      return drawn();
    case 'plain':
      return plain();
    case 'json':
      return lines((task, from) => JSON.stringify({ ...event(task), from }));
    case 'quiet':
      return { show: () => undefined, finish: () => undefined };
  }
}

function event(task: TaskView) {
  const { stack, service, slot, node, status } = task;
  return { t: status?.at, stack, service, slot, node, to: status?.state, reason: status?.reason };
}

/** One line for each change of state. */
function plain(): Progress {
  return lines((task) => {
    const { node, status } = task;
    const where = node === '' ? '' : ` ${node}`;
    const reason =
      status?.reason === undefined || status.reason === status.state ? '' : `: ${printable(status.reason)}`;
    return `${taskName(task)}${where} ${status?.state ?? ''}${reason}`;
  });
}

function lines(format: (task: TaskView, from: string) => string): Progress {
  const states = new Map<string, string>();
  return {
    show: (_services, changed) => {
      for (const task of changed) {
        const [before, now] = [
          states.get(task.id),
          `${task.status?.state ?? ''} ${task.status?.reason ?? ''}`,
        ];
        if (before === now || (before === undefined && isOld(task))) continue;
        states.set(task.id, now);
        process.stderr.write(`${format(task, before?.split(' ')[0] ?? '')}\n`);
      }
    },
    finish: () => undefined,
  };
}

/** What stood before the wait began, and stays, is no news. */
function isOld({ status, desired }: TaskView): boolean {
  return desired !== 'running' || (status?.state === 'running' && status.ready);
}

/** Redraws a few lines in place. */
function drawn(): Progress {
  let height = 0;
  let timer: NodeJS.Timeout | undefined;
  let draw = (): void => undefined;
  const erase = (): void => {
    if (height > 0) process.stderr.write(`\u001b[${height}A\u001b[J`);
    height = 0;
  };
  return {
    show: (services, _changed, tasks) => {
      draw = () => {
        erase();
        const text = screen(services, tasks);
        process.stderr.write(text.map((line) => `${line}\n`).join(''));
        height = text.length;
      };
      timer ??= setTimeout(() => {
        timer = undefined;
        draw();
      }, redrawMs);
    },
    finish: () => {
      clearTimeout(timer);
      draw();
    },
  };
}

function screen(services: readonly ServiceView[], tasks: readonly TaskView[]): readonly string[] {
  return services.flatMap((service) => {
    const done = service.upToDate >= service.desired;
    const mark = done ? styleText('green', '✔') : styleText('yellow', '…');
    const own = tasks.filter((task) => task.serviceId === service.id && task.desired === 'running');
    const shown = own.sort((a, b) => a.slot - b.slot).slice(0, maxLines);
    const head = ` ${mark} ${service.stack}/${service.name}  ${service.upToDate}/${service.desired}  ${printable(service.note)}`;
    return [head.trimEnd(), ...shown.map(taskLine)];
  });
}

function taskLine(task: TaskView): string {
  const state = task.status?.state ?? '';
  const bad = ['failed', 'rejected', 'orphaned'].includes(state);
  const mark = task.status?.ready ? styleText('green', '✔') : bad ? styleText('red', '✗') : '·';
  const width = (process.stderr.columns || 100) - 4;
  return `   ${mark} ${`${taskName(task)}  ${task.node}  ${state}  ${printable(task.status?.reason ?? '')}`.slice(0, width)}`;
}
