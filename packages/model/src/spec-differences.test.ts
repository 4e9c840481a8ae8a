import { expect, test } from 'vitest';
import { contentChanges, specDifferences } from './spec-differences.ts';

const mount = { kind: 'secret', source: 'shop_db', target: '/run/secrets/db', uid: 0, gid: 0, mode: 0o444 };
const spec = (...contents: readonly object[]) => ({
  container: { image: 'web:1', contents: contents as never },
});

test('configs and secrets are told by name and version, and where they are', () => {
  const before = spec({ ...mount, number: 2 });
  expect(specDifferences(before, spec({ ...mount, number: 3 }))).toEqual([
    { path: 'secret shop_db', before: 'version 2', after: 'version 3' },
  ]);
  expect(specDifferences(before, spec({ ...mount, number: 2, mode: 0o400, uid: 7 }))).toEqual([
    {
      path: 'secret shop_db at',
      before: '/run/secrets/db of 0:0, mode 0444',
      after: '/run/secrets/db of 7:0, mode 0400',
    },
  ]);
  expect(specDifferences(before, before)).toEqual([]);
  expect(specDifferences(spec(), { container: { image: 'web:2' } as never })).toEqual([
    { path: 'container.image', before: 'web:1', after: 'web:2' },
  ]);
});

test('what of them is other than before is said in words', () => {
  const page = { ...mount, kind: 'config', source: 'page', number: 1 };
  const before = spec({ ...mount, number: 2 }, page);
  expect(contentChanges(before, spec({ ...mount, number: 3 }))).toEqual([
    'config page: gone',
    'secret shop_db: version 2 → 3',
  ]);
  expect(contentChanges(spec(), spec(page, { ...page, target: '/again', number: 4 }))).toEqual([
    'config page: version 1',
    'config page (2): version 4',
  ]);
});
