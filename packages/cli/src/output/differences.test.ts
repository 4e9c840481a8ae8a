import { expect, test } from 'vitest';
import { differences } from '@gantry/model/differences';
import { showDifferences } from './differences.ts';

const before = {
  image: 'web:1',
  env: { LEVEL: 'info', OLD: '1' },
  ports: [{ target: 80 }],
  args: ['a', 'b'],
};
const after = {
  image: 'web:2',
  env: { LEVEL: 'info', NEW: '2' },
  ports: [{ target: 81 }],
  args: ['a'],
  labels: {},
};

test('names each field that differs, with what was and what is to be', () => {
  expect(showDifferences(differences(before, after), 'table').trimEnd().split('\n')).toEqual([
    '- args: ["a","b"]',
    '+ args: ["a"]',
    '+ env.NEW: 2',
    '- env.OLD: 1',
    '- image: web:1',
    '+ image: web:2',
    '- ports.0.target: 80',
    '+ ports.0.target: 81',
  ]);
});

test('says nothing of what is the same, or empty on one side', () => {
  expect(differences(before, { ...before, more: [], none: undefined })).toEqual([]);
});
