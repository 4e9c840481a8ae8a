import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressBook, quarantineMs, shortQuarantineMs } from './address-book.ts';

const pool = ['10.210.1.2', '10.210.1.3', '10.210.1.4'];

test('an address that was never given goes before one that rests', () => {
  const book = new AddressBook();
  book.take('a', pool, [], 0);
  book.release('a', 0);
  expect(book.take('b', pool, [], 30_000).address).toBe('10.210.1.3');
});

test('when all others are taken or rest, the one that rested longest is given, but not before 10 s', () => {
  const book = new AddressBook();
  for (const id of ['a', 'b', 'c']) book.take(id, pool, [], 0);
  book.release('b', 1_000);
  book.release('a', 2_000);
  expect(() => book.take('d', pool, [], 5_000)).toThrow('2 of them rest; the next is free in 6 s');
  expect(book.take('d', pool, [], 1_000 + shortQuarantineMs).address).toBe('10.210.1.3');
  expect(() => book.take('e', pool, [], 1_000 + shortQuarantineMs)).toThrow('the next is free in 1 s');
  expect(book.take('e', pool, [], 2_000 + shortQuarantineMs).address).toBe('10.210.1.2');
  expect(book.rested(2_000 + quarantineMs)).toEqual(['a', 'b']);
});

test('whatever happens, no two containers hold the same address', () => {
  const step = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    take: fc.boolean(),
    ms: fc.nat(40_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new AddressBook();
      let now = 0;
      for (const { id, take, ms } of steps) {
        now += ms;
        book.rested(now);
        if (!take) book.release(id, now);
        else if (!book.get(id)) {
          try {
            book.take(id, pool, [], now);
          } catch {
            // exhausted: said so, and nothing given
          }
        }
        const held = book.held().map(({ address }) => address);
        expect(new Set(held).size).toBe(held.length);
      }
    }),
  );
});
