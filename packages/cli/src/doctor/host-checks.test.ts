import { expect, test } from 'vitest';
import { isFit } from './host-checks.ts';

const check = { name: 'runc', found: '/usr/bin/runc', fix: 'apt-get install runc' };

test('a host is fit without what only some clusters need, and not without the rest', () => {
  expect(isFit([{ ...check, ok: true }])).toBe(true);
  expect(isFit([{ ...check, ok: false, optional: true }])).toBe(true);
  expect(isFit([{ ...check, ok: false }])).toBe(false);
});
