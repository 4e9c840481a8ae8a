import { expect, test } from 'vitest';
import { maxOpenFilesIn } from './host-facts.ts';

test.each([
  [
    'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 20000                files',
    20_000,
  ],
  ['Max open files            1024                 unlimited            files', 2 ** 20],
  ['', 1_024],
])('reads the hard limit of open files', (text, limit) => expect(maxOpenFilesIn(text)).toBe(limit));
