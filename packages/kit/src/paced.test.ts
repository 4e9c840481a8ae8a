import { expect, test } from 'vitest';
import { Paced } from './paced.ts';
import { VirtualClock } from './virtual-clock.ts';

const gapMs = 20;
const tookMs = 5;

interface Rig {
  readonly clock: VirtualClock;
  readonly paced: Paced;
  /** When each run began, ms. */
  readonly runs: readonly number[];
}

function aRig(outcome: () => void = () => undefined): Rig {
  const clock = new VirtualClock();
  const runs: number[] = [];
  const paced = new Paced(clock, gapMs, async () => {
    runs.push(clock.monotonic());
    await new Promise<void>((resolve) => clock.after(tookMs, resolve));
    outcome();
  });
  return { clock, paced, runs };
}

test('work that rested is done at once', async () => {
  const { clock, paced, runs } = aRig();
  void paced.run();
  await clock.advance(100);
  void paced.run();
  await clock.advance(100);
  expect(runs).toEqual([0, 100]);
});

test('those who ask while it is done share the next run, a gap later', async () => {
  const { clock, paced, runs } = aRig();
  void paced.run();
  await clock.advance(1);
  const done: number[] = [];
  for (let caller = 0; caller < 5; caller++) void paced.run().then(() => done.push(clock.monotonic()));
  await clock.advance(100);
  expect(runs).toEqual([0, tookMs + gapMs]);
  expect(done).toEqual(Array(5).fill(tookMs + gapMs + tookMs));
});

test('a run that fails says so to its callers, and the next one is made all the same', async () => {
  let failures = 1;
  const { clock, paced, runs } = aRig(() => {
    if (failures-- > 0) throw new Error('not this time');
  });
  const first = paced.run().then(
    () => 'done',
    (error: unknown) => String(error),
  );
  await clock.advance(1);
  const second = paced.run().then(() => 'done');
  await clock.advance(100);
  expect(await first).toContain('not this time');
  expect(await second).toBe('done');
  expect(runs).toHaveLength(2);
});
