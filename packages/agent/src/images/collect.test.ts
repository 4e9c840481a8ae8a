import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseImages, defaultMarks, type Candidate } from './collect.ts';

const now = 10_000_000;
const layerSizes = [1, 7, 20, 50, 100, 300];
const images: fc.Arbitrary<readonly Candidate[]> = fc
  .array(
    fc.record({
      layers: fc.uniqueArray(fc.nat({ max: layerSizes.length - 1 }), { maxLength: 4 }),
      usedAt: fc.nat({ max: now }),
      needed: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  .map((list) =>
    list.map((image, index) => ({
      ...image,
      digest: `image-${index}`,
      layers: image.layers.map((layer) => ({ name: `layer-${layer}`, bytes: layerSizes[layer] ?? 0 })),
    })),
  );
const disks = fc.record({ usedBytes: fc.nat({ max: 1_000 }), totalBytes: fc.constant(1_000) });

/** What the layers of these images take together. */
function sizeOf(list: readonly Candidate[]): number {
  const layers = new Map(list.flatMap((image) => image.layers.map(({ name, bytes }) => [name, bytes])));
  return [...layers.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const without = (list: readonly Candidate[], gone: readonly string[]): readonly Candidate[] =>
  list.filter(({ digest }) => !gone.includes(digest));

test('nothing is removed up to the high mark', () => {
  fc.assert(
    fc.property(images, fc.nat({ max: 850 }), (list, usedBytes) => {
      expect(chooseImages({ usedBytes, totalBytes: 1_000 }, list, now)).toEqual({
        remove: [],
        freedBytes: 0,
      });
    }),
  );
});

test('what is needed or was used a short while ago is never removed', () => {
  fc.assert(
    fc.property(images, disks, (list, disk) => {
      const { remove } = chooseImages(disk, list, now);
      const kept = list.filter(({ needed, usedAt }) => needed || usedAt > now - defaultMarks.minAgeMs);
      expect(kept.filter(({ digest }) => remove.includes(digest))).toEqual([]);
    }),
  );
});

test('what it promises to free is what the layers that nobody has any more take', () => {
  fc.assert(
    fc.property(images, disks, (list, disk) => {
      const { remove, freedBytes } = chooseImages(disk, list, now);
      expect(freedBytes).toBe(sizeOf(list) - sizeOf(without(list, remove)));
    }),
  );
});

test('it ends at the low mark, with one image fewer it would not; or it says why not, having removed all it may', () => {
  fc.assert(
    fc.property(images, disks, (list, disk) => {
      const { remove, freedBytes, note } = chooseImages(disk, list, now);
      if (disk.usedBytes <= 850) return;
      const after = (freed: number): number => disk.usedBytes - freed;
      if (note === undefined) {
        expect(after(freedBytes)).toBeLessThanOrEqual(800);
        const fewer = sizeOf(list) - sizeOf(without(list, remove.slice(0, -1)));
        expect(after(fewer)).toBeGreaterThan(800);
      } else {
        const left = without(list, remove);
        expect(left.every(({ needed, usedAt }) => needed || usedAt > now - defaultMarks.minAgeMs)).toBe(true);
      }
    }),
  );
});

test('the longest unused goes first', () => {
  const image = (digest: string, usedAt: number): Candidate => ({
    digest,
    usedAt,
    needed: false,
    layers: [{ name: digest, bytes: 60 }],
  });
  const list = [image('new', 3), image('old', 1), image('middle', 2)];
  expect(chooseImages({ usedBytes: 900, totalBytes: 1_000 }, list, now)).toEqual({
    remove: ['old', 'middle'],
    freedBytes: 120,
  });
});
