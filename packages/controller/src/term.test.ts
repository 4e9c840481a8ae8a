import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { aNode, viewOf } from '../../../tests/support/builders.ts';
import { leadWhenElected, startTerm, type Term, type TermDeps } from './term.ts';

/** An election that is won and lost when the test says so. */
function election() {
  const hears = { win: (_createdAt: number): void => undefined, lose: (): void => undefined };
  const start = (win: (createdAt: number) => void, lose: () => void): void => {
    Object.assign(hears, { win, lose });
  };
  return { hears, start };
}

const base = { store: { reached: () => Promise.resolve() }, clock: systemClock, log: silentLogger };

test('a term that cannot begin is told once, and closing is no failure', async () => {
  const { hears, start } = election();
  const told: unknown[] = [];
  const error = new GantryError('invalid', 'its address is in use');
  const leading = leadWhenElected({
    ...base,
    election: { start },
    begin: () => Promise.reject(error),
    fatal: (why) => void told.push(why),
  });
  hears.win(7);
  await new Promise(setImmediate);
  await expect(leading.close()).resolves.toBe(undefined);
  expect(told).toEqual([error]);
});

test('while etcd does not answer a term is tried again, as long as the lead lasts', async () => {
  const { hears, start } = election();
  const clock = new VirtualClock();
  let tries = 0;
  const begin = (): Promise<Term> => {
    tries++;
    return Promise.reject(new GantryError('unreachable', 'etcd: connection reset'));
  };
  const fatal = (error: unknown): never => {
    throw error;
  };
  const leading = leadWhenElected({ ...base, clock, election: { start }, begin, fatal });
  hears.win(7);
  await clock.advance(1_100);
  expect(tries).toBe(6);
  hears.lose();
  await clock.advance(1_000);
  expect(tries).toBe(6);
  await leading.close();
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
  const fatal = (error: unknown): void => void happened.push(String(error));
  const leading = leadWhenElected({ ...base, election: { start }, begin, fatal });
  hears.win(7);
  await new Promise(setImmediate);
  hears.lose();
  hears.win(9);
  await new Promise(setImmediate);
  await leading.close();
  expect(happened).toEqual(['1 begins', '1 ends', '2 begins', '2 ends']);
});

test('no term begins with pools that leave out what hosts have', async () => {
  const view = viewOf([aNode({ id: 'a', name: 'a', subnet: '10.210.3.0/24' })]);
  const store = { view: () => view };
  const pools = { containerPool: '10.212.0.0/16', vipPool: '10.211.0.0/16' };
  await expect(startTerm({ ...base, store, pools } as unknown as TermDeps)).rejects.toMatchObject({
    code: 'conflict',
    message: /^host a has 10\.210\.3\.0\/24, which is not in --container-pool/,
  });
});
