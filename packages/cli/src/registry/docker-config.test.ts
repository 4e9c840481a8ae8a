import { expect, test } from 'vitest';
import { findCredential, fromHelper } from './docker-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const config = (value: unknown): string => JSON.stringify(value);

test('a login in the file is found under every way to write its registry', () => {
  for (const key of ['reg.example:5000', 'https://reg.example:5000', 'https://reg.example:5000/v2/']) {
    const found = findCredential(
      config({ auths: { [key]: { auth: base64('me:pa:ss') } } }),
      'reg.example:5000',
    );
    expect(found).toEqual({
      kind: 'given',
      credential: { registry: 'reg.example:5000', username: 'me', password: 'pa:ss' },
    });
  }
});

test('Docker Hub is found under the name of its first version', () => {
  const found = findCredential(
    config({ auths: { 'https://index.docker.io/v1/': { auth: base64('me:x') } } }),
    'docker.io',
  );
  expect(found).toMatchObject({ credential: { registry: 'docker.io', username: 'me' } });
});

test("a registry's own helper goes before the store of all, and that before the file", () => {
  const all = {
    auths: { r: { auth: base64('a:b') } },
    credsStore: 'secretservice',
    credHelpers: { r: 'ecr-login' },
  };
  expect(findCredential(config(all), 'r')).toEqual({ kind: 'helper', helper: 'ecr-login', server: 'r' });
  expect(findCredential(config({ ...all, credHelpers: {} }), 'docker.io')).toEqual({
    kind: 'helper',
    helper: 'secretservice',
    server: 'https://index.docker.io/v1/',
  });
});

test('another registry, an empty login, a broken file and a helper that is a path give nothing', () => {
  expect(
    findCredential(config({ auths: { 'reg.example': { auth: base64('me:x') } } }), 'reg.example.evil'),
  ).toBeUndefined();
  expect(findCredential(config({ auths: { r: {} } }), 'r')).toBeUndefined();
  expect(findCredential('{', 'r')).toBeUndefined();
  expect(findCredential(config({ credsStore: '../../tmp/evil' }), 'r')).toBeUndefined();
});

test('a helper answers with a password or with a token', () => {
  expect(fromHelper('r', config({ Username: 'me', Secret: 's' }))).toEqual({
    registry: 'r',
    username: 'me',
    password: 's',
  });
  expect(fromHelper('r', config({ Username: '<token>', Secret: 't' }))).toMatchObject({ identityToken: 't' });
  expect(fromHelper('r', 'credentials not found in native keychain')).toBeUndefined();
});
