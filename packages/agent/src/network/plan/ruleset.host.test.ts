import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { someInput, testConfig } from '../../../../../tests/support/network-inputs.ts';
import { TableBook } from './table-book.ts';

/** nft reads and checks the whole text as the kernel would take it; nothing is changed. */
async function check(text: string): Promise<string> {
  return (await exec(['nft', '-c', '-f', '-'], { input: text })).stderr;
}

test('nft accepts the ruleset of any input', async () => {
  await fc.assert(
    fc.asyncProperty(someInput, async (input) => {
      expect(await check(new TableBook(testConfig).whole(input).text)).toBe('');
    }),
    { numRuns: 25 },
  );
});

test('nft accepts the ruleset of an encrypted host', async () => {
  const config = { ...testConfig, encrypted: true };
  await fc.assert(
    fc.asyncProperty(someInput, async (input) => {
      expect(await check(new TableBook(config).whole(input).text)).toBe('');
    }),
    { numRuns: 5 },
  );
});

test('nft accepts a whole table and a change of it in one transaction', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someInput, { minLength: 2, maxLength: 3 }), async ([first, ...others]) => {
      const book = new TableBook(testConfig);
      const whole = first ? book.whole(first).text : '';
      const changes = others.map((input) => book.change(input).text);
      expect(await check([whole, ...changes].join(''))).toBe('');
    }),
    { numRuns: 15 },
  );
});
