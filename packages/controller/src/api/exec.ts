import { GantryError } from '@gantry/kit/errors';
import type { Task } from '@gantry/model/task';
import { failCall } from '@gantry/proto/fail-call';
import type { ExecIn } from '@gantry/proto/gen/gantry/v1/exec';
import type { UserExecCall } from '../relay/exec-relay.ts';
import type { RelayHub } from '../relay/relay-hub.ts';
import type { Store, View } from '../store/store.ts';
import { asCallError } from './errors.ts';
import { tasksNamed } from './names.ts';

/** Runs a process in the container that the call's first message names; ends with it, or when the user hangs up. */
export function execIn(
  { store, relay }: { readonly store: Store; readonly relay: RelayHub },
  call: UserExecCall,
): void {
  const fail = (error: unknown): void => failCall(call, asCallError(error));
  call.on('error', () => undefined);
  call.once('data', ({ body }: ExecIn) => {
    // What follows the first message waits until the host of the task is there to take it.
    call.pause();
    try {
      if (body?.$case !== 'open') throw new GantryError('invalid', 'a call of exec begins with open');
      if (body.value.argv.length === 0) throw new GantryError('invalid', 'there is no command to run');
      const task = runningTask(store.view(), body.value.task);
      relay.openExec(task.nodeId ?? '', call, { ...body.value, task: task.id }, fail);
    } catch (error) {
      fail(error);
    }
  });
}

/** The task that a name means: of several running ones that in the lowest slot. */
function runningTask(view: View, name: string): Task {
  const tasks = [...tasksNamed(view, name)].sort((a, b) => b.createdAt - a.createdAt);
  const running = tasks.filter(({ status }) => status.state === 'running').sort((a, b) => a.slot - b.slot);
  if (running[0]) return running[0];
  const [newest] = tasks;
  if (!newest) throw new GantryError('not_found', `${name} has no tasks`);
  const { state, reason } = newest.status;
  throw new GantryError('conflict', `no task of ${name} runs; the newest is ${state}: ${reason}`, {
    hint: `gantry logs ${name} shows what it wrote`,
  });
}
