import { expect, test } from 'vitest';
import { seededRandom } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

test('timers run in the order of their time, and of asking at the same time', async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  const random = seededRandom(7);
  const wanted: { at: number; name: string }[] = [];
  for (let i = 0; i < 200; i++) {
    const at = Math.floor(random() * 50);
    wanted.push({ at, name: `${at}/${i}` });
    clock.after(at, () => ran.push(`${at}/${i}`));
  }
  await clock.advance(60);
  wanted.sort((a, b) => a.at - b.at);
  expect(ran).toEqual(wanted.map(({ name }) => name));
});

test('a cancelled timer does not run, and time stands still for it', async () => {
  const clock = new VirtualClock();
  const cancel = clock.after(10, () => expect.unreachable());
  cancel();
  await clock.advance(5);
  expect(clock.monotonic()).toBe(5);
  await clock.advance(20);
  expect(clock.monotonic()).toBe(25);
});

test('promises settle before the next timer', async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.after(1, () => void Promise.resolve().then(() => ran.push('promise of the first')));
  clock.after(1, () => ran.push('second'));
  await clock.advance(1);
  expect(ran).toEqual(['promise of the first', 'second']);
});

test('the same seed throws the same dice, evenly', () => {
  const [a, b] = [seededRandom(42), seededRandom(42)];
  const thrown = Array.from({ length: 10_000 }, () => a());
  expect(thrown.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => b()));
  const mean = thrown.reduce((sum, value) => sum + value, 0) / thrown.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
});
