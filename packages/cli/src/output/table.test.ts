import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cut, printable, table } from './table.ts';

test('columns are as wide as their widest cell and the last is not padded', () => {
  expect(
    table(
      ['A', 'LONG'],
      [
        ['wide cell', 'x'],
        ['y', 'z'],
      ],
    ),
  ).toEqual(['A          LONG', 'wide cell  x', 'y          z']);
});

test('a line is cut where the screen ends, with a sign that it was', () => {
  expect(table(['A', 'B'], [['a', 'a long reason']], 10)).toEqual(['A  B', 'a  a long…']);
  expect(cut('short', 10)).toBe('short');
});

/** Of any script, and often enough one that a screen obeys. */
const letters = fc
  .oneof(fc.nat({ max: 0xff }), fc.nat({ max: 0xd7ff }))
  .map((point) => String.fromCodePoint(point));

test('whatever stands in a cell, a row stays one line that cannot move the cursor', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: letters }), { minLength: 1, maxLength: 4 }), (cells) => {
      const [, row = ''] = table(
        cells.map(() => 'H'),
        [cells],
      );
      expect(row).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
  expect(printable('a\u001b[31mb')).toBe('a?[31mb');
});
