import { expect, test } from 'vitest';
import { interpolate } from './interpolate.ts';

const variables = { A: 'a', EMPTY: '', B: 'b' };

test.each([
  ['$A and ${B}', 'a and b'],
  ['$$A', '$A'],
  ['100$', '100$'],
  ['$ 5', '$ 5'],
  ['${NONE:-d}', 'd'],
  ['${EMPTY:-d}', 'd'],
  ['${EMPTY-d}', ''],
  ['${NONE-d}', 'd'],
  ['${A:+yes}${EMPTY:+yes}${EMPTY+set}', 'yesset'],
  ['${NONE:-${ALSO:-${B}}}', 'b'],
  ['${NONE:-{"k": "v"}', '{"k": "v"'],
  ['${NONE:-a}}', 'a}'],
  ['http://${A}:${NONE:-80}/$B', 'http://a:80/b'],
])('%s is %s', (source, text) => {
  expect(interpolate(source, variables)).toEqual({ text, unset: [] });
});

test('variables that are not set become empty and are named', () => {
  expect(interpolate('x${NONE}y$OTHER', variables)).toEqual({ text: 'xy', unset: ['NONE', 'OTHER'] });
});

test.each([
  ['${NONE:?give one}', 'variable NONE is not set: give one'],
  ['${EMPTY:?}', 'variable EMPTY is not set'],
  ['${not a name}', '"${not a name}" is not a variable; write ${NAME}, or $$ for a dollar sign'],
  ['${A', '"${A" is not a variable; write ${NAME}, or $$ for a dollar sign'],
  ['${A!b}', '"${A!b}" is not a variable; write ${NAME}, or $$ for a dollar sign'],
])('%s fails', (source, error) => {
  expect(interpolate(source, variables).error).toBe(error);
});

test('names of an object are not variables', () => {
  expect(interpolate('$constructor', {})).toEqual({ text: '', unset: ['constructor'] });
});

test('endless defaults are refused', () => {
  expect(interpolate(`${'${N:-'.repeat(30)}${'}'.repeat(30)}`, {}).error).toBe(
    'defaults are nested too deeply',
  );
});
