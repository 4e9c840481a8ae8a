import { beforeEach, expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { Turns } from './turns.ts';

let clock: VirtualClock;
let done: string[];
/** Time that passes while work is done, ms. */
let spent: number;
let turns: Turns;

beforeEach(() => {
  clock = new VirtualClock();
  done = [];
  spent = 0;
  turns = new Turns({ soon: (fn) => clock.soon(fn), monotonic: () => clock.monotonic() + spent });
});

function work(name: string, ms: number): () => void {
  return () => {
    done.push(name);
    spent += ms;
  };
}

test('work is done in its order, and others get the thread after ten ms of it', async () => {
  for (const name of ['a', 'b', 'c']) turns.soon(work(name, 6));
  clock.soon(() => done.push('other'));
  await clock.advance(0);
  expect(done).toEqual(['a', 'b', 'other', 'c']);
});

test('work that is asked for by other work comes after what waits', async () => {
  turns.soon(() => {
    done.push('a');
    turns.soon(work('c', 0));
  });
  turns.soon(work('b', 0));
  await clock.advance(0);
  turns.soon(work('d', 0));
  await clock.advance(0);
  expect(done).toEqual(['a', 'b', 'c', 'd']);
});

test('work that fails keeps none of the rest from being done', async () => {
  turns.soon(() => {
    throw new Error('this one fails');
  });
  turns.soon(work('b', 0));
  await expect(clock.advance(0)).rejects.toThrow('this one fails');
  await clock.advance(0);
  expect(done).toEqual(['b']);
});
