import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Task } from '@gantry/model/task';
import { aTask } from '../../../../tests/support/builders.ts';
import { Table, unchanged } from './table.ts';

const ofService = (task: Task): string => task.serviceId;
const ofNode = (task: Task): string | undefined => task.nodeId;

const step = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  what: fc.constantFrom('put', 'put', 'put', 'delete'),
  serviceId: fc.constantFrom('s1', 's2'),
  nodeId: fc.constantFrom('n1', 'n2', undefined),
});

test('after any changes an index holds what a search through all objects would find', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new Table<Task>([ofService, ofNode]);
      const plain = new Map<string, Task>();
      let version = 0;
      for (const { id, what, serviceId, nodeId } of steps) {
        const task = aTask({ id, serviceId, version: ++version, ...(nodeId !== undefined && { nodeId }) });
        const before = table.apply(id, what === 'put' ? task : undefined);
        expect(before).toBe(what === 'delete' && !plain.has(id) ? unchanged : plain.get(id));
        if (what === 'put') plain.set(id, task);
        else plain.delete(id);
      }
      expect([...table.all()]).toEqual([...plain.values()]);
      expect(table.size).toBe(plain.size);
      for (const service of ['s1', 's2'])
        expect(new Set(table.under(0, service))).toEqual(having(plain, (task) => task.serviceId === service));
      for (const node of ['n1', 'n2'])
        expect(new Set(table.under(1, node))).toEqual(having(plain, (task) => task.nodeId === node));
    }),
  );
});

test('what is not newer than what is there changes nothing', () => {
  const table = new Table<Task>([ofNode]);
  const task = aTask({ version: 5, nodeId: 'n1' });
  table.apply(task.id, task);
  expect(table.apply(task.id, { ...task, version: 5, nodeId: 'n2' })).toBe(unchanged);
  expect(table.apply(task.id, { ...task, version: 4, nodeId: 'n2' })).toBe(unchanged);
  expect(table.under(0, 'n1')).toEqual([task]);
});

function having(tasks: ReadonlyMap<string, Task>, is: (task: Task) => boolean): Set<Task> {
  return new Set([...tasks.values()].filter(is));
}
