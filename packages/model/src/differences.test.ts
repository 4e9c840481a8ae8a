import { expect, test } from 'vitest';
import { differences, withoutSecrets } from './differences.ts';

test('values of variables that look like secrets, and passwords in URLs, are not shown', () => {
  const before = { env: { DB_PASSWORD: 'old', API_TOKEN: 't', LEVEL: 'info', URL: 'pg://u:hunter2@db/x' } };
  const after = { env: { DB_PASSWORD: 'new', LEVEL: 'debug', URL: 'pg://u:hunter3@db/x' } };
  const found = withoutSecrets(differences(before, after));
  expect(found).toEqual([
    { path: 'env.API_TOKEN', before: '(not shown)' },
    { path: 'env.DB_PASSWORD', before: '(not shown)', after: '(not shown)' },
    { path: 'env.LEVEL', before: 'info', after: 'debug' },
    { path: 'env.URL', before: 'pg://u:***@db/x', after: 'pg://u:***@db/x' },
  ]);
  expect(JSON.stringify(found)).not.toMatch(/hunter|old|new/);
});
