import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyFile, KeysInMemory } from './keys.ts';
import { SealedVault } from './vault.ts';

const value = Buffer.from('canary-5e1c');
let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'gantry-vault-'))));
afterEach(() => rm(dir, { recursive: true }));

test('what was sealed is opened as it was, and says nothing of itself', () => {
  const vault = new SealedVault(new KeysInMemory());
  vault.seal('first', 1, value, true);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.nat(), (bytes, number) => {
      const sealed = vault.seal('db', number, bytes, false);
      expect(vault.open({ name: 'db', number, ...sealed }).equals(bytes)).toBe(true);
      if (bytes.length > 8)
        expect(Buffer.from(sealed.data, 'base64').includes(Buffer.from(bytes))).toBe(false);
      // The same is never sealed the same way twice: nobody sees that two secrets are equal.
      expect(vault.seal('db', number, bytes, false).data).not.toBe(sealed.data);
    }),
  );
});

test('a secret that is changed, or put under another name or version, cannot be opened', () => {
  const vault = new SealedVault(new KeysInMemory());
  const sealed = vault.seal('db', 1, value, true);
  expect(() => vault.open({ name: 'api', number: 1, ...sealed })).toThrow('secret api@1 was changed');
  expect(() => vault.open({ name: 'db', number: 2, ...sealed })).toThrow('secret db@2 was changed');
  const bytes = Buffer.from(sealed.data, 'base64');
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const data = changed.toString('base64');
    expect(() => vault.open({ name: 'db', number: 1, keyId: sealed.keyId, data })).toThrow(
      'cannot be opened',
    );
  }
  for (const data of ['', 'AAAA', bytes.subarray(0, 20).toString('base64')])
    expect(() => vault.open({ name: 'db', number: 1, keyId: sealed.keyId, data })).toThrow(
      'cannot be opened',
    );
});

test('another key is said to be another one, and neither key nor value', () => {
  const sealed = new SealedVault(new KeysInMemory()).seal('db', 1, value, true);
  const other = new SealedVault(new KeysInMemory(Buffer.alloc(32, 7)));
  expect(() => other.open({ name: 'db', number: 1, ...sealed })).toThrow(
    `secret db@1 is sealed with key ${sealed.keyId}, which is not in memory of this controller`,
  );
});

test('a key file is made once, with the first secret of a cluster, for its owner alone', async () => {
  const file = join(dir, 'secret.key');
  const vault = new SealedVault(new KeyFile(file));
  expect(() => vault.seal('db', 1, value, false)).toThrow('lacks the key that the secrets of the cluster');
  const sealed = vault.seal('db', 1, value, true);
  expect((await stat(file)).mode & 0o777).toBe(0o400);
  const text = await readFile(file, 'utf8');
  expect(Buffer.from(text, 'base64')).toHaveLength(32);
  const later = new SealedVault(new KeyFile(file));
  expect(later.open({ name: 'db', number: 1, ...sealed }).equals(value)).toBe(true);
  expect(later.seal('db', 2, value, false).keyId).toBe(sealed.keyId);
});

test('a new key before the old one seals, and the old one still opens', async () => {
  const file = join(dir, 'secret.key');
  const vault = new SealedVault(new KeyFile(file));
  const old = vault.seal('db', 1, value, true);
  const keys = await readFile(file, 'utf8');
  await rm(file);
  await writeFile(file, `# new\n${Buffer.alloc(32, 3).toString('base64')}\n${keys}`, { mode: 0o400 });
  expect(vault.open({ name: 'db', number: 1, ...old }).equals(value)).toBe(true);
  expect(vault.seal('db', 2, value, false).keyId).not.toBe(old.keyId);
});

test.each([
  ['of other lines', 0o400, 'hunter2\n', 'holds no keys of 32 bytes'],
  ['that is empty', 0o400, '', 'holds no keys of 32 bytes'],
  ['that others can read', 0o440, `${Buffer.alloc(32, 1).toString('base64')}\n`, 'can be read by others'],
])('a key file %s is an error in words that hold nothing of it', async (_what, mode, text, words) => {
  const file = join(dir, 'secret.key');
  await writeFile(file, text);
  await chmod(file, mode);
  const vault = new SealedVault(new KeyFile(file));
  expect(() => vault.seal('db', 1, value, true)).toThrow(words);
  expect(() => vault.seal('db', 1, value, true)).not.toThrow('hunter2');
});
