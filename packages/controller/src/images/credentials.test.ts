import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openCredentials } from './credentials.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-credentials-'));
  file = join(dir, 'credentials.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

const login = (registry: string, password = 'p') => ({ registry, username: 'me', password });

test('what a stack gave is there for it after a restart, for no other stack, and only root reads the file', async () => {
  await (await openCredentials(file)).put('a', [login('r1')], new Set());
  const next = await openCredentials(file);
  expect(next.find('a', 'r1')).toEqual(login('r1'));
  expect([next.find('b', 'r1'), next.find('a', 'r2')]).toEqual([undefined, undefined]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a newer login replaces an older one; a deploy without one leaves it', async () => {
  const store = await openCredentials(file);
  await store.put('a', [login('r1'), login('r2')], new Set());
  await store.put('a', [login('r1', 'new')], new Set(['a']));
  await store.put('a', [], new Set(['a']));
  expect([store.find('a', 'r1'), store.find('a', 'r2')]).toEqual([login('r1', 'new'), login('r2')]);
});

test('those of a stack that is gone are forgotten', async () => {
  const store = await openCredentials(file);
  await store.put('a', [login('r', 'canary')], new Set());
  await store.put('b', [], new Set(['b']));
  expect(store.find('a', 'r')).toBeUndefined();
  expect(readFileSync(file, 'utf8')).not.toContain('canary');
});

test('a file that cannot be read counts as empty', async () => {
  writeFileSync(file, '{');
  expect((await openCredentials(file)).find('a', 'r')).toBeUndefined();
});
