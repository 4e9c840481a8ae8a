import { expect, test } from 'vitest';
import { ReadyAnswers } from './ready-answers.ts';

const question = (id: number, name: string): Buffer => Buffer.from([0, id, ...Buffer.from(name)]);

test('an answer is given again to the same asker, with the id of its question', () => {
  const ready = new ReadyAnswers();
  expect(ready.to(question(1, 'web'), '10.0.0.1', 7)).toBe(undefined);
  ready.keep(question(1, 'web'), '10.0.0.1', 7, question(1, 'answer'));
  const again = ready.to(question(2, 'web'), '10.0.0.1', 7);
  expect(again).toEqual(question(2, 'answer'));
  expect(ready.to(question(3, 'web'), '10.0.0.1', 7)).toEqual(question(3, 'answer'));
  expect(again, 'nobody writes into what was given before').toEqual(question(2, 'answer'));
  expect(ready.to(question(1, 'web'), '10.0.0.2', 7), 'another asker').toBe(undefined);
  expect(ready.to(question(1, 'api'), '10.0.0.1', 7), 'another name').toBe(undefined);
});

test('once names have changed nothing of before is given', () => {
  const ready = new ReadyAnswers();
  ready.keep(question(1, 'web'), '10.0.0.1', 7, question(1, 'old'));
  expect(ready.to(question(1, 'web'), '10.0.0.1', 8)).toBe(undefined);
  ready.keep(question(1, 'api'), '10.0.0.1', 8, question(1, 'new'));
  expect(ready.to(question(1, 'web'), '10.0.0.1', 8)).toBe(undefined);
  expect(ready.to(question(1, 'api'), '10.0.0.1', 8)).toEqual(question(1, 'new'));
});

test('no more than so many are kept', () => {
  const ready = new ReadyAnswers();
  for (let index = 0; index < 10_000; index++)
    ready.keep(question(1, `web${index}`), '10.0.0.1', 7, question(1, 'answer'));
  const kept = Array.from({ length: 10_000 }, (_, index) => index).filter((index) =>
    ready.to(question(1, `web${index}`), '10.0.0.1', 7),
  );
  expect(kept.length).toBeLessThanOrEqual(4_096);
  expect(kept).toContain(9_999);
});
