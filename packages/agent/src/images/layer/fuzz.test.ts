import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { archive, dir, entry, file, longName, pax, symlink } from '../../../../../tests/support/tars.ts';
import type { Entry } from './entry.ts';
import { entriesOf, filtered, refusal } from '../../../../../tests/support/layers.ts';

describe('any archive', () => {
  const names = fc
    .array(fc.constantFrom('a', 'b', 'c', '..', '.', '', '.wh.a', '.wh..wh..opq', '.wh..', 'x'.repeat(120)), {
      minLength: 1,
      maxLength: 5,
    })
    .map((parts) => parts.join('/'));
  const parts = fc.oneof(
    fc
      .record({
        name: names,
        type: fc.constantFrom('0', '0', '1', '2', '2', '3', '4', '5', '5', '6', '7'),
        linkName: names,
      })
      .map(entry),
    fc.tuple(names, fc.constantFrom('path', 'linkpath')).map(([value, key]) => pax({ [key]: value })),
    names.map(longName),
  );

  test('is refused, or every name that comes out stays inside and goes through no symlink', () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (list) => {
        let out: readonly Entry[] = [];
        try {
          out = entriesOf(filtered(archive(...list)));
        } catch (error) {
          expect(error).toMatchObject({ code: 'image_refused' });
        }
        const symlinks = new Set<string>();
        for (const { name, kind, linkName } of out) {
          const path = name.replace(/\/$/, '');
          const above = path.split('/').map((_, i, all) => all.slice(0, i).join('/'));
          expect(path.split('/').includes('..') || path.startsWith('/')).toBe(false);
          expect(above.some((one) => symlinks.has(one))).toBe(false);
          if (kind === 'symlink' || (kind === 'link' && symlinks.has(linkName))) symlinks.add(path);
          else symlinks.delete(path);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('of damaged bytes ends with words, never with another error', () => {
    const good = archive(
      dir('a/'),
      pax({ path: 'a/b', size: '3' }),
      file('x', 'abc'),
      symlink('s', 'a'),
      longName('l'),
      file('y'),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 8 }),
        (damage) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of damage) bytes[at] = value;
          expect(() => refusal(bytes)).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
  });
});
