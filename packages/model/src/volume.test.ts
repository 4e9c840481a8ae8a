import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heldVolumes, holdsVolume, maxHeldVolumes } from './volume.ts';

test('what is kept of a node’s volumes is bounded and sorted, and says how many it leaves out', () => {
  const volume = fc.record({ name: fc.string({ minLength: 1, maxLength: 8 }), createdAt: fc.nat() });
  fc.assert(
    fc.property(fc.uniqueArray(volume, { selector: ({ name }) => name }), (volumes) => {
      const { held, leftOut } = heldVolumes(volumes);
      expect(leftOut).toBe(0);
      expect(held.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name).sort());
      for (const { name } of volumes) expect(holdsVolume({ held, leftOut }, name)).toBe(true);
    }),
  );
  const many = Array.from({ length: maxHeldVolumes + 7 }, (_, index) => ({
    name: `v${index}`,
    createdAt: 0,
  }));
  expect(heldVolumes(many)).toMatchObject({ leftOut: 7 });
  expect(heldVolumes(many).held).toHaveLength(maxHeldVolumes);
});
