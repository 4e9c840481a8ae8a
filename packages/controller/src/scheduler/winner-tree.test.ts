import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WinnerTree } from './winner-tree.ts';

const numbers = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(Infinity));

test('knows the least number and its first place, however many places there come to be', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(40), numbers), { maxLength: 60 }), (sets) => {
      const tree = new WinnerTree();
      const plain = new Array<number>(41).fill(Infinity);
      for (const [place, value] of sets) {
        tree.set(place, value);
        plain[place] = value;
        const least = Math.min(...plain);
        expect(tree.least).toBe(least);
        expect(tree.first()).toBe(least === Infinity ? -1 : plain.indexOf(least));
      }
    }),
  );
});
