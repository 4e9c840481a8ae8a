import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slotClass, slotTable } from './slots.ts';

const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `task${index}`);

function shares(count: number, hashed: boolean): readonly number[] {
  const table = slotTable(ids(count), slotClass(count, hashed), 3);
  return ids(count).map((_, index) => table.filter((backend) => backend === index).length);
}

test('up to 64 tasks get the same share, a thousand differ by a quarter at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_024 }), (count) => {
      const all = shares(count, false);
      expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(count <= 64 ? 0 : 1);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(count <= 64 ? 1 : 4);
    }),
    { numRuns: 60 },
  );
});

test('with affinity a task that goes moves only its own slots', () => {
  const before = slotTable(ids(10), slotClass(10, true), 0);
  const after = slotTable(ids(9), slotClass(9, true), 0);
  const moved = before.filter((backend, slot) => backend !== 9 && after[slot] !== backend);
  expect(moved).toEqual([]);
});

test('with affinity every task has a slot', () => {
  for (const count of [1, 2, 5, 10, 16]) expect(Math.min(...shares(count, true))).toBeGreaterThan(0);
});

test('two hosts with more tasks than slots lead to different ones', () => {
  const wanted = slotClass(5_000, false);
  const [one, other] = [1, 2].map((seed) => new Set(slotTable(ids(5_000), wanted, seed)));
  expect(one).not.toEqual(other);
  expect(wanted.slots).toBe(4_096);
});
