import { expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { beat } from './heartbeat.ts';

/** A heart whose beats are heard when a test says so. */
function heart(): {
  clock: VirtualClock;
  sent: () => number;
  heard: () => number;
  answer: () => void;
  sending: () => () => void;
  news: (news: boolean) => void;
  stop: () => void;
} {
  const clock = new VirtualClock();
  let [sent, heard, hasNews] = [0, 0, false];
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
  const failed = (): void => undefined;
  const beating = beat({ clock, everyMs: 1_000, hasNews: () => hasNews, once, contact, failed });
  const news = (now: boolean): void => void (hasNews = now);
  return {
    clock,
    sent: () => sent,
    heard: () => heard,
    answer: () => answer(),
    sending: () => beating.sending(),
    news,
    stop: () => beating.stop(),
  };
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

test('who is heard otherwise need not beat, and is in contact all the same', async () => {
  const { clock, sent, heard, sending } = heart();
  for (let i = 0; i < 10; i++) {
    const said = sending();
    await clock.advance(700);
    said();
  }
  expect([sent(), heard()]).toEqual([0, 10]);
  await clock.advance(999);
  expect(sent()).toBe(0);
  await clock.advance(1);
  expect(sent()).toBe(1);
});

test('words that are not heard are no beat', async () => {
  const { clock, sent, sending } = heart();
  await clock.advance(700);
  sending();
  await clock.advance(300);
  expect(sent()).toBe(1);
});

test('news goes with the next beat, however often the host is heard', async () => {
  const { clock, sent, sending, news } = heart();
  await clock.advance(900);
  sending()();
  news(true);
  await clock.advance(100);
  expect(sent()).toBe(1);
});
