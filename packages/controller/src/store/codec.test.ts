import { expect, test } from 'vitest';
import { aNode, aRevision, aService, aTask } from '../../../../tests/support/builders.ts';
import { atVersion, decode, encode, Encoded } from './codec.ts';

const objects = [
  aTask({ nodeId: 'n', makesWay: 'for "another"', status: { ...aTask().status, reason: 'größer — {"schema":2}' } }),
  aService(),
  aRevision(),
  aNode(),
]; // prettier-ignore

test.each(objects)('a $kind is read as it was written, at the version of its key', (object) => {
  const text = encode({ ...object, version: 3 });
  expect(JSON.parse(text)).not.toHaveProperty('version');
  expect(decode(object.kind, text, 8)).toEqual({ ...object, version: 8 });
  expect(String(new Encoded(object))).toBe(text);
});

test.each(objects)('a $kind is given another version and stays what it is', (object) => {
  const before = structuredClone(object);
  expect(atVersion(object, 8)).toEqual({ ...object, version: 8 });
  expect(object).toEqual(before);
});

test('a value is read wherever it says its schema', () => {
  const task = aTask();
  const { version: _version, ...rest } = task;
  expect(decode('task', JSON.stringify({ ...rest, schema: 1 }), 8)).toEqual({ ...task, version: 8 });
});

test('a value of a newer schema is refused with what to do', () => {
  expect(() => decode('task', '{"schema":2,"kind":"task"}', 8)).toThrow(
    /schema 2, newer than this controller/,
  );
});
