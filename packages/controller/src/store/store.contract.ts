import { describe, expect, test } from 'vitest';
import type { AnyObject } from '@gantry/model/objects';
import { aService, aTask } from '../../../../tests/support/builders.ts';
import type { Change, Store } from './store.ts';

/** What every store must do, whatever log is behind it. `open` gives a fresh view of the same log each time. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`the store on ${name}`, () => {
    test('shows its own write as soon as the commit resolves', async () => {
      const store = await open();
      const task = aTask();
      const result = await store.commit([put(task)]);
      expect(result.ok).toBe(true);
      expect(store.view().get('task', task.id)).toMatchObject({
        ...task,
        version: result.ok && result.revision,
      });
    });

    test('refuses a write on a stale version and changes nothing', async () => {
      const store = await open();
      const task = aTask();
      await store.commit([put(task)]);
      const other = aTask();
      expect(await store.commit([put(other), put(task)])).toEqual({ ok: false, why: 'conflict' });
      expect(store.view().get('task', other.id)).toBeUndefined();
    });

    test('updates and deletes on the version that was read', async () => {
      const store = await open();
      const task = aTask({ slot: 1 });
      await store.commit([put(task)]);
      const read = store.view().get('task', task.id)!;
      await store.commit([put({ ...read, slot: 2 })]);
      const again = store.view().get('task', task.id)!;
      expect(again.slot).toBe(2);
      await store.commit([{ op: 'delete', kind: 'task', id: task.id, version: again.version }]);
      expect(store.view().get('task', task.id)).toBeUndefined();
    });

    test('a second store sees what the first wrote, also what came before it opened', async () => {
      const first = await open();
      const [early, late] = [aTask(), aTask()];
      await first.commit([put(early)]);
      const second = await open();
      expect(second.view().get('task', early.id)).toEqual(first.view().get('task', early.id));
      const heard = nextChange(second, late.id);
      await first.commit([put(late)]);
      expect((await heard).after).toEqual(first.view().get('task', late.id));
    });

    test('tells each change once, in order, after the view contains it', async () => {
      const store = await open();
      const task = aTask();
      const heard: (number | undefined)[] = [];
      store.subscribe((changes) => {
        for (const change of changes.filter(({ id }) => id === task.id)) {
          expect(store.view().get('task', task.id)?.version).toBeGreaterThanOrEqual(
            change.after?.version ?? 0,
          );
          heard.push(change.kind === 'task' ? change.after?.slot : undefined);
        }
      });
      for (let slot = 1; slot <= 20; slot++) {
        const read = store.view().get('task', task.id);
        await store.commit([put({ ...task, slot, version: read?.version ?? 0 })]);
      }
      expect(heard).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    });

    test('tells when the view has reached a revision, also one still to come', async () => {
      const [one, other] = [await open(), await open()];
      const reached = one.reached(other.view().revision + 1);
      const task = aTask();
      const result = await other.commit([put(task)]);
      await reached;
      expect(one.view().get('task', task.id)?.version).toBe(result.ok && result.revision);
      await one.reached(1);
    });

    test('a fenced read shows what anybody has written before it, and what was deleted', async () => {
      const [reader, writer] = [await open(), await open()];
      for (let round = 0; round < 20; round++) {
        const task = aTask();
        await writer.commit([put(task)]);
        const { version } = writer.view().get('task', task.id)!;
        expect((await reader.fenced()).ok).toBe(true);
        expect(reader.view().get('task', task.id)).toEqual(writer.view().get('task', task.id));
        await writer.commit([{ op: 'delete', kind: 'task', id: task.id, version }]);
        expect((await Promise.all([reader.fenced(), reader.fenced()])).every(({ ok }) => ok)).toBe(true);
        expect(reader.view().get('task', task.id)).toBeUndefined();
      }
    });

    test('of two writers of one object exactly one wins', async () => {
      const [one, two] = await Promise.all([open(), open()]);
      const task = aTask();
      const results = await Promise.all([one.commit([put(task)]), two.commit([put(task)])]);
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    });

    test('keeps its indexes as objects change', async () => {
      const store = await open();
      const service = aService();
      const task = aTask({ serviceId: service.id });
      await store.commit([put(service), put(task)]);
      const view = store.view();
      expect([...view.tasksOfService(service.id)].map(({ id }) => id)).toEqual([task.id]);
      expect([...view.unplacedTasks()].map(({ id }) => id)).toContain(task.id);
      const read = view.get('task', task.id)!;
      await store.commit([put({ ...read, nodeId: 'node-x', status: { ...read.status, state: 'assigned' } })]);
      expect([...view.unplacedTasks()].map(({ id }) => id)).not.toContain(task.id);
      expect([...view.tasksOnNode('node-x')].map(({ id }) => id)).toContain(task.id);
      expect(view.serviceNamed(service.spec.stack, service.spec.name)?.id).toBe(service.id);
    });
  });
}

function put(object: AnyObject) {
  return { op: 'put', object } as const;
}

function nextChange(store: Store, id: string): Promise<Change> {
  return new Promise((resolve) => {
    store.subscribe((changes) => {
      const found = changes.find((change) => change.id === id);
      if (found) resolve(found);
    });
  });
}
