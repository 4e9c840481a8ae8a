import { expect, test } from 'vitest';
import { pullWords } from './pull-words.ts';

const mib = 2 ** 20;

test('a quick pull is not told of', () => {
  const tell = pullWords('web:1', 5_000);
  expect(tell({ doing: 'pulling', done: 0, total: 40 * mib }, 5_000)).toBeUndefined();
  expect(tell({ doing: 'unpacking', done: 0, total: 3 }, 5_900)).toBeUndefined();
});

test('a long one is told of every few seconds, in bytes and then in layers', () => {
  const tell = pullWords('web:1', 0);
  const pulling = (done: number, now: number) =>
    tell({ doing: 'pulling', done: done * mib, total: 40 * mib }, now);
  expect(pulling(1.25, 1_000)).toBe('pulling web:1: 1.3 of 40 MiB');
  expect(pulling(2, 3_900)).toBeUndefined();
  expect(pulling(12, 4_000)).toBe('pulling web:1: 12 of 40 MiB');
  expect(pulling(12, 9_000)).toBeUndefined();
  expect(tell({ doing: 'unpacking', done: 1, total: 3 }, 9_000)).toBe('unpacking web:1: 1 of 3 layers');
});
