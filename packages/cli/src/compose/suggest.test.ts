import { expect, test } from 'vitest';
import { distance, suggestion } from './suggest.ts';

test.each([
  ['prots', 'ports', 1],
  ['enviroment', 'environment', 1],
  ['ports', 'ports', 0],
  ['ab', 'ba', 1],
  ['abc', 'cab', 2],
  ['', 'abc', 3],
])('from %j to %j it takes %i', (from, to, steps) => {
  expect(distance(from, to)).toBe(steps);
  expect(distance(to, from)).toBe(steps);
});

test.each([
  ['prots', 'ports'],
  ['imgae', 'image'],
  ['env', 'environment'],
  ['zzz', undefined],
])('%j is taken for %j', (key, meant) => {
  expect(suggestion(key, ['image', 'ports', 'environment', 'env_file'])).toBe(meant);
});
