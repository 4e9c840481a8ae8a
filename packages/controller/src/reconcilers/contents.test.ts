import { expect, test } from 'vitest';
import type { ContentVersion } from '@gantry/model/content';
import type { AnyObject } from '@gantry/model/objects';
import { aContainer, aRevision, aSecret, noon, viewOf } from '../../../../tests/support/builders.ts';
import { contents, unusedMs } from './contents.ts';
import { envAt } from './reconciler.contract.ts';

const old = noon - unusedMs;

function using(...numbers: readonly number[]): AnyObject[] {
  return numbers.map((number) => {
    const mount = {
      kind: 'secret',
      source: 'db',
      number,
      target: '/s',
      uid: 0,
      gid: 0,
      mode: 0o444,
    } as const;
    return aRevision({ container: aContainer({ contents: [mount] }) });
  });
}

function versions(more: Partial<ContentVersion<'secret'>>, ...numbers: readonly number[]): AnyObject[] {
  return numbers.map((number) => aSecret({ name: 'db', number, createdAt: old, ...more }));
}

/** Numbers of the versions that go. */
function gone(objects: readonly AnyObject[], now = noon): readonly string[] {
  const { writes } = contents.decide(viewOf(objects), 'secret/db', envAt(now));
  return writes.flatMap((write) => (write.op === 'delete' && write.kind === 'secret' ? [write.id] : []));
}

test('what a kept revision names stays, older and newer versions beside it go, and the newest stays with it', () => {
  expect(gone([...versions({ stack: 'shop' }, 1, 2, 3, 4), ...using(2)])).toEqual(['db@1', 'db@3']);
});

test('with the last that names it a stack’s own goes whole; one that was made by hand keeps its newest', () => {
  expect(gone(versions({ stack: 'shop' }, 1, 2))).toEqual(['db@1', 'db@2']);
  expect(gone(versions({}, 1, 2))).toEqual(['db@1']);
});

test('a version waits for the service that it was made for', () => {
  const fresh = versions({ stack: 'shop', createdAt: noon - 1_000 }, 1);
  const { writes, wakeAt } = contents.decide(viewOf(fresh), 'secret/db', envAt(noon));
  expect([writes, wakeAt]).toEqual([[], noon - 1_000 + unusedMs]);
  expect(gone(fresh, wakeAt)).toEqual(['db@1']);
});
