import { expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { beat } from './heartbeat.ts';

/** A heart whose beats are heard when a test says so. */
function heart(): {
  clock: VirtualClock;
  sent: () => number;
  heard: () => number;
  answer: () => void;
  stop: () => void;
} {
  const clock = new VirtualClock();
  let [sent, heard] = [0, 0];
  let answer: () => void = () => undefined;
  const once = (): Promise<void> => {
    sent++;
    return new Promise((resolve) => (answer = resolve));
  };
  const contact = {
    sending: () => () => {
      heard++;
    },
  };
  const stop = beat({ clock, everyMs: 1_000, once, contact, failed: () => undefined });
  return { clock, sent: () => sent, heard: () => heard, answer: () => answer(), stop };
}

test('beats a period after the last beat was heard', async () => {
  const { clock, sent, heard, answer } = heart();
  await clock.advance(5_000);
  expect([sent(), heard()]).toEqual([1, 0]);
  answer();
  await clock.advance(1_000);
  expect([sent(), heard()]).toEqual([2, 1]);
});

test('a beat that is under way when the session ends is the last, and counts as contact no more', async () => {
  const { clock, sent, heard, answer, stop } = heart();
  await clock.advance(1_000);
  stop();
  answer();
  await clock.advance(10_000);
  expect([sent(), heard()]).toEqual([1, 0]);
});
