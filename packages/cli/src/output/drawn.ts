import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import type { Io } from '../io.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { Paint } from './paint.ts';
import type { Progress } from './progress.ts';
import { taskName } from './shapes.ts';
import { cut, printable } from './table.ts';

/** Redrawn at most this often, ms. */
const redrawMs = 100;
/** A line a replica up to here, for all services together; more would scroll what matters away. */
const maxLines = 20;

/** Redraws a few lines in place, never more than the screen has. */
export function drawn({ stderr }: Io, paint: Paint): Progress {
  let height = 0;
  let timer: NodeJS.Timeout | undefined;
  let draw = (): void => undefined;
  const redraw = (rollout: Rollout): void => {
    const rows = Math.max(1, (stderr.rows ?? 24) - 1);
    const lines = screen(rollout, paint, stderr.columns ?? 100).slice(0, rows);
    const erase = height > 0 ? `\u001b[${height}A\u001b[J` : '';
    stderr.write(erase + lines.map((line) => `${line}\n`).join(''));
    height = lines.length;
  };
  return {
    show: (rollout) => {
      draw = () => redraw(rollout);
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

function screen(rollout: Rollout, paint: Paint, columns: number): readonly string[] {
  const shown = Math.max(1, Math.floor(maxLines / Math.max(1, rollout.services.length)));
  return rollout.services.flatMap((service) => {
    const own = rollout.tasksOf(service.id).filter(({ desired }) => desired === 'running');
    const open = own.filter(({ status }) => status?.ready !== true);
    const tasks = [...open, ...own.filter((task) => !open.includes(task))].slice(0, shown);
    return [
      serviceLine(service, paint, columns),
      ...tasks.sort((a, b) => a.slot - b.slot).map((task) => taskLine(task, paint, columns)),
    ];
  });
}

function serviceLine(
  { stack, name, upToDate, desired, note }: ServiceView,
  paint: Paint,
  columns: number,
): string {
  const mark = upToDate >= desired ? paint('green', '✔') : paint('yellow', '…');
  const text = `${stack}/${name}  ${upToDate}/${desired}  ${printable(note)}`;
  return ` ${mark} ${cut(text.trimEnd(), columns - 3)}`;
}

function taskLine(task: TaskView, paint: Paint, columns: number): string {
  const state = task.status?.state ?? '';
  const bad = ['failed', 'rejected', 'orphaned'].includes(state);
  const mark = task.status?.ready ? paint('green', '✔') : bad ? paint('red', '✗') : '·';
  const text = `${taskName(task)}  ${task.node}  ${state}  ${printable(task.status?.reason ?? '')}`;
  return `   ${mark} ${cut(text, columns - 5)}`;
}
