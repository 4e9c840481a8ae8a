import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ResolvedImage } from '@gantry/model/service';
import { aContainer, aService, aSpec, viewOf } from '../../../../tests/support/builders.ts';
import { checkToken, tokenOf, touched } from './token.ts';

const image = (digest: string): ResolvedImage => ({ ref: 'web:1', digest, source: 'loaded' });
const images = new Map([['web:1', image('sha256:a')]]);
const web = aService({ id: 'web', spec: aSpec({ name: 'web' }) });
const db = aService({ id: 'db', spec: aSpec({ name: 'db' }) });

test('a token holds as long as the specs, revisions and bytes of the stack are the same', () => {
  const token = tokenOf(viewOf([web, db]), 'shop', images);
  const busy = { ...web, waiting: 'waits for db', restarts: {}, vip: '10.211.0.9' };
  const other = aService({ spec: aSpec({ stack: 'other' }) });
  expect(() => checkToken(token, viewOf([other, db, busy]), 'shop', images)).not.toThrow();
});

test.each([
  ['a spec', [{ ...web, spec: aSpec({ name: 'web', container: aContainer({ image: 'web:2' }) }) }, db]],
  ['a revision', [{ ...web, revisionId: 'another' }, db]],
  ['a service that came', [web, db, aService({ spec: aSpec({ name: 'new' }) })]],
  ['a service that went', [web]],
  ['a service that is going', [{ ...web, removing: true }, db]],
])('%s that is another makes it refuse', (_what, objects) => {
  const token = tokenOf(viewOf([web, db]), 'shop', images);
  expect(() => checkToken(token, viewOf(objects), 'shop', images)).toThrow(
    'stack shop has changed since the plan: nothing was applied',
  );
});

test('other bytes behind the name of an image make it refuse', () => {
  const token = tokenOf(viewOf([web]), 'shop', images);
  const moved = new Map([['web:1', image('sha256:b')]]);
  expect(() => checkToken(token, viewOf([web]), 'shop', moved)).toThrow(
    'an image, config or secret has other bytes',
  );
});

test('words that are no token are told apart from a world that has changed', () => {
  expect(() => checkToken('latest', viewOf([web]), 'shop', images)).toThrow('"latest" is no token of a plan');
});

test('every service that the token read is written, so that the store compares it, each once', () => {
  fc.assert(
    fc.property(fc.subarray(['web', 'db', 'cache'], { minLength: 1 }), (changed) => {
      const all = ['web', 'db', 'cache'].map((id) => aService({ id, spec: aSpec({ name: id }) }));
      const steps = changed.map((id) => ({
        answer: { serviceId: id, name: id, change: 'updated' },
        writes: all.filter((one) => one.id === id).map((object) => ({ op: 'put', object }) as const),
      }));
      const writes = touched(viewOf(all), 'shop', steps).flatMap((step) => step.writes);
      const ids = writes.map((write) => (write.op === 'put' ? write.object.id : write.id)).sort();
      expect(ids).toEqual(['cache', 'db', 'web']);
    }),
  );
  expect(touched(viewOf([web]), 'shop', [])).toEqual([]);
});
