import { expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { drain } from './drain.ts';

/** Drains with so many connections at each look; answers with when it was over and what was told. */
async function drained(
  counts: readonly number[],
  drainMs: number,
  overAt = Infinity,
): Promise<[number, number[]]> {
  const clock = new VirtualClock();
  const told: number[] = [];
  let looks = 0;
  let endedAt = NaN;
  void drain({
    clock,
    count: () => Promise.resolve(counts[Math.min(looks++, counts.length - 1)] ?? 0),
    over: () => clock.monotonic() >= overAt,
    drainMs,
    waiting: (count) => {
      told.push(count);
      return Promise.resolve();
    },
  }).then(() => (endedAt = clock.monotonic()));
  await clock.advance(60_000);
  return [endedAt, told];
}

test('nothing is waited for without connections', async () => {
  expect(await drained([0], 5_000)).toEqual([0, []]);
});

test('it is over with the last connection, and said once', async () => {
  expect(await drained([3, 2, 0], 5_000)).toEqual([200, [3]]);
});

test('connections that stay open are waited for so long and no longer', async () => {
  expect(await drained([1], 5_050)).toEqual([5_050, [1]]);
  expect(await drained([1], 0)).toEqual([0, []]);
});

test('a container that ends by itself is waited for no longer', async () => {
  expect(await drained([1], 5_000, 300)).toEqual([300, [1]]);
});
