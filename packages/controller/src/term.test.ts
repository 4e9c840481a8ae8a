import { expect, test } from 'vitest';
import { GantryError } from '@gantry/kit/errors';
import { leadWhenElected, type Term } from './term.ts';

/** An election that is won and lost when the test says so. */
function election() {
  const hears = { win: (_createdAt: number): void => undefined, lose: (): void => undefined };
  const start = (win: (createdAt: number) => void, lose: () => void): void => {
    Object.assign(hears, { win, lose });
  };
  return { hears, start };
}

const caughtUp = { reached: () => Promise.resolve() };

test('a term that cannot begin is told once, and closing is no failure', async () => {
  const { hears, start } = election();
  const told: unknown[] = [];
  const error = new GantryError('unreachable', 'etcd: connection reset');
  const leading = leadWhenElected(
    { start },
    caughtUp,
    () => Promise.reject(error),
    (why) => void told.push(why),
  );
  hears.win(7);
  await new Promise(setImmediate);
  await expect(leading.close()).resolves.toBe(undefined);
  expect(told).toEqual([error]);
});

test('a term begins once the last one has ended', async () => {
  const { hears, start } = election();
  const happened: string[] = [];
  let begun = 0;
  const begin = (): Promise<Term> => {
    const name = ++begun;
    happened.push(`${name} begins`);
    const close = async (): Promise<void> => {
      await Promise.resolve();
      happened.push(`${name} ends`);
    };
    return Promise.resolve({ close });
  };
  const leading = leadWhenElected({ start }, caughtUp, begin, (error) => happened.push(String(error)));
  hears.win(7);
  await new Promise(setImmediate);
  hears.lose();
  hears.win(9);
  await new Promise(setImmediate);
  await leading.close();
  expect(happened).toEqual(['1 begins', '1 ends', '2 begins', '2 ends']);
});
