import type { ServerWritableStream } from '@grpc/grpc-js';
import type { WatchRequest, WatchResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { Change, Store } from '../store/store.ts';
import { serviceView, taskView } from './views.ts';

/** Tells of the named services: all of them first, then what changed, a message a turn of the event loop. */
export function watch(store: Store, call: ServerWritableStream<WatchRequest, WatchResponse>): void {
  const wanted = new Set(call.request.serviceIds);
  const tasks = new Set<string>();
  let scheduled = false;
  let blocked = false;
  let stale = new Set(wanted);
  for (const id of wanted) for (const task of store.view().tasksOfService(id)) tasks.add(task.id);

  const send = (): void => {
    scheduled = false;
    if (blocked || (stale.size === 0 && tasks.size === 0)) return;
    const view = store.view();
    const services = [...stale].flatMap((id) => view.get('service', id) ?? []);
    const response: WatchResponse = {
      services: services.map((service) => serviceView(view, service)),
      tasks: [...tasks].flatMap((id) => view.get('task', id) ?? []).map((task) => taskView(view, task)),
      removedServices: [...stale].filter((id) => !view.get('service', id)),
    };
    stale = new Set();
    tasks.clear();
    blocked = !call.write(response);
  };
  const schedule = (): void => {
    if (scheduled || blocked) return;
    scheduled = true;
    setImmediate(send);
  };
  const take = (changes: readonly Change[]): void => {
    for (const change of changes) {
      if (change.kind === 'service' && wanted.has(change.id)) stale.add(change.id);
      if (change.kind === 'task') {
        const id = (change.after ?? change.before)?.serviceId ?? '';
        if (!wanted.has(id)) continue;
        tasks.add(change.id);
        stale.add(id);
      } else if (change.kind === 'node') for (const id of wanted) stale.add(id);
    }
    if (stale.size > 0) schedule();
  };

  const unsubscribe = store.subscribe(take);
  call.on('error', () => undefined);
  call.on('drain', () => {
    blocked = false;
    schedule();
  });
  call.on('cancelled', () => {
    unsubscribe();
    call.end();
  });
  call.on('close', unsubscribe);
  send();
}
