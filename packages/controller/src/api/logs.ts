import type { ServerWritableStream } from '@grpc/grpc-js';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import { isTerminal, type Task } from '@gantry/model/task';
import { failCall } from '@gantry/proto/fail-call';
import type { LogsRequest, LogsResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { RelayHub } from '../relay/relay-hub.ts';
import type { Store } from '../store/store.ts';
import { asCallError } from './errors.ts';
import { tasksNamed } from './names.ts';

/** A reader that is this far behind is cut off: its memory is not ours to give, messages. */
const maxBehind = 1_000;

/** Streams the logs of every task that the names mean; ends when all have ended, or the user hangs up. */
export function logs(
  deps: { readonly store: Store; readonly relay: RelayHub },
  call: ServerWritableStream<LogsRequest, LogsResponse>,
): void {
  const closers = new Set<() => void>();
  const close = (): void => {
    for (const closer of closers) closer();
    closers.clear();
  };
  call.on('error', () => undefined);
  call.on('cancelled', close).on('close', close);
  try {
    const view = deps.store.view();
    const { names, options } = call.request;
    const tasks = new Map(names.flatMap((name) => tasksNamed(view, name)).map((task) => [task.id, task]));
    const named = [...tasks.values()].filter(({ nodeId }) => nodeId !== undefined);
    const sources = options?.previous ? lastEnded(named) : named;
    let open = sources.length;
    const finish = (): void => {
      open--;
      if (open <= 0) call.end();
    };
    if (sources.length === 0) return void call.end();
    for (const task of sources)
      closers.add(follow(deps, call, task, options ?? { follow: false, previous: false }, finish));
  } catch (error) {
    failCall(call, asCallError(error));
  }
}

function follow(
  { store, relay }: { readonly store: Store; readonly relay: RelayHub },
  call: ServerWritableStream<LogsRequest, LogsResponse>,
  task: Task,
  options: NonNullable<LogsRequest['options']>,
  finish: () => void,
): () => void {
  const view = store.view();
  const service = view.get('service', task.serviceId)?.spec.name ?? '';
  const node = view.get('node', task.nodeId ?? '')?.name ?? '';
  const warn = (words: string): void => {
    call.write({ entries: [], warnings: [`${service}.${task.slot} on ${node}: ${words}`] });
  };
  try {
    return relay.openLogs(task.nodeId ?? '', task.id, options, {
      lines: (lines) => {
        if (call.writableLength > maxBehind) {
          const words = 'the reader is too slow for this log';
          failCall(call, asCallError(new GantryError('exhausted', words)));
          return;
        }
        call.write({
          entries: lines.map((line) => ({ service, slot: task.slot, node, line })),
          warnings: [],
        });
      },
      end: (error) => {
        if (error !== '') warn(error);
        finish();
      },
    });
  } catch (error) {
    warn(asGantryError(error).message);
    queueMicrotask(finish);
    return () => undefined;
  }
}

/** Of each slot (of a global service: of each node) the task that ended last. */
function lastEnded(tasks: readonly Task[]): readonly Task[] {
  const ended = tasks.filter(({ status }) => isTerminal(status.state));
  const byPlace = new Map<string, Task>();
  for (const task of ended.sort((a, b) => a.createdAt - b.createdAt))
    byPlace.set(`${task.serviceId} ${task.slot === 0 ? (task.nodeId ?? '') : task.slot}`, task);
  return [...byPlace.values()];
}
