import fc from 'fast-check';
import { payloadId, type ContentMount } from '@gantry/model/content';
import type { AnyObject } from '@gantry/model/objects';
import { aSecret, noon } from './builders.ts';
import { moment } from './random-moments.ts';

/** Where a container that uses the secret finds it; the number is to be added. */
export const secret: ContentMount = {
  kind: 'secret',
  source: 'db',
  target: '/s',
  uid: 0,
  gid: 0,
  mode: 0o444,
};

/** Versions of one secret, some of them old and some with their bytes. */
export const secrets: fc.Arbitrary<readonly AnyObject[]> = fc
  .tuple(
    fc.subarray([1, 2, 3, 4]),
    fc.array(moment, { minLength: 4, maxLength: 4 }),
    fc.constantFrom(undefined, 'shop'),
  )
  .map(([numbers, moments, stack]) =>
    numbers.flatMap((number, index): AnyObject[] => {
      const createdAt = moments[index] ?? noon;
      const version = aSecret({ number, createdAt, ...(stack !== undefined && { stack }) });
      const { name, kind } = version;
      const payload = {
        kind: 'payload',
        id: payloadId(version),
        version: 0,
        of: kind,
        name,
        number,
        data: '',
      } as const;
      return [version, payload];
    }),
  );
