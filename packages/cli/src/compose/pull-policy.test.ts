import { expect, test } from 'vitest';
import { readCompose } from './read.ts';

function read(policy: string) {
  const source = `services:\n  web:\n    image: web:1\n    pull_policy: ${policy}\n`;
  const noFile = (): undefined => undefined;
  return readCompose({ source, stack: { fallback: 's' }, variables: {}, readFile: noFile, sugar: false });
}

const policyOf = (policy: string) => read(policy).services[0]?.container.pullPolicy;

test('each policy is read as what it means when a tag is looked up at each apply', () => {
  expect(['always', 'missing', 'never', 'if_not_present', 'daily', 'every_12h'].map(policyOf)).toEqual([
    'always',
    'missing',
    'never',
    'missing',
    'always',
    'always',
  ]);
  expect(read('weekly').notices).toMatchObject([
    { line: 4, message: expect.stringContaining('each apply') as string },
  ]);
});

test('what cannot be honoured is refused at its line', () => {
  expect(read('build').problems).toMatchObject([
    { line: 4, hint: 'build the image, and `gantry image load` it' },
  ]);
  expect(read('sometimes').problems).toMatchObject([
    { line: 4, message: 'pull_policy "sometimes" is not known' },
  ]);
});
