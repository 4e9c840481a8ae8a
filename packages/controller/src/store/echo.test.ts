import { expect, test } from 'vitest';
import { aTask } from '../../../../tests/support/builders.ts';
import { Encoded, encode, keyOf } from './codec.ts';
import { Echo } from './echo.ts';
import type { LogEvent, Operation } from './log.ts';
import type { Task, Write } from './store.ts';

const tasks = [aTask(), aTask(), aTask()] as const;
const [first, second, third] = tasks;

function puts(...objects: readonly Task[]): readonly [readonly Write[], readonly Operation[]] {
  return [
    objects.map((object) => ({ op: 'put', object })),
    objects.map((object) => ({ op: 'put', key: keyOf('task', object.id), value: new Encoded(object) })),
  ];
}

/** As a wire tells it: the text, not what it was made from. */
function told(task: Task, more: Partial<LogEvent> = {}): LogEvent {
  return { key: keyOf('task', task.id), value: encode(task), version: 9, ...more };
}

test('what comes back in the order in which it was written is what was written', () => {
  const echo = new Echo();
  echo.expect(...puts(...tasks));
  expect(tasks.map((task) => echo.take(told(task)))).toEqual(tasks);
  expect(echo.take(told(third))).toBeUndefined();
});

test('a delete between two writes is passed over', () => {
  const echo = new Echo();
  const [writes, operations] = puts(first, third);
  const gone = keyOf('task', second.id);
  echo.expect(
    [writes[0]!, { op: 'delete', kind: 'task', id: second.id, version: 1 }, writes[1]!],
    [operations[0]!, { op: 'delete', key: gone }, operations[1]!],
  );
  expect(echo.take(told(first))).toBe(first);
  expect(echo.take(told(third))).toBe(third);
});

test('another text for the same key is somebody else’s', () => {
  const echo = new Echo();
  echo.expect(...puts(first));
  expect(echo.take(told(first, { value: encode({ ...first, slot: 7 }) }))).toBeUndefined();
  expect(echo.take(told(first))).toBe(first);
});

test('two transactions under way are told apart', () => {
  const echo = new Echo();
  echo.expect(...puts(first, second));
  echo.expect(...puts(third));
  expect([third, first, second].map((task) => echo.take(told(task)))).toEqual([third, first, second]);
});

test('a transaction that was refused is not waited for', () => {
  const echo = new Echo();
  echo.forget(echo.expect(...puts(first)));
  expect(echo.take(told(first))).toBeUndefined();
});
