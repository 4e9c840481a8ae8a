import { expect, test } from 'vitest';
import { authFileOf, explainRegistryFailure } from './registry.ts';

/** As skopeo 1.9 says it. */
const said = (words: string): string =>
  `time="2026-01-01T00:00:00Z" level=fatal msg="Error parsing image name: ${words}"\n`;

test.each([
  ['reading manifest 1 in r/x: manifest unknown: manifest unknown', 'image_not_found'],
  [
    'unable to retrieve auth token: invalid username/password: unauthorized: authentication required',
    'not_allowed',
  ],
  ['reading manifest 1 in r/x: StatusCode: 403, {}', 'not_allowed'],
  ['pinging container registry r: StatusCode: 429', 'unreachable'],
  ['x509: certificate signed by unknown authority', 'not_allowed'],
  ['http: server gave HTTP response to HTTPS client', 'unreachable'],
  ['dial tcp: lookup r: no such host', 'unreachable'],
  ['copying blob: unexpected EOF', 'unreachable'],
  ['manifest does not match provided manifest digest sha256:00', 'image_refused'],
  ['write /x: no space left on device', 'exhausted'],
])('%s', (words, code) => {
  expect(explainRegistryFailure(said(words)).code).toBe(code);
});

test('what nobody knows is passed on without logins and queries of its addresses', () => {
  const { words } = explainRegistryFailure(said('odd: https://me:canary@r/v2/?sig=canary'));
  expect(words).toContain('odd: https://r/v2/');
  expect(words).not.toContain('canary');
});

test('the file of a credential holds it and no other, also with letters beyond ASCII', () => {
  const file = JSON.parse(authFileOf({ registry: 'r:5', username: 'me', password: 'pä:ss' })) as {
    auths: object;
  };
  expect(file.auths).toEqual({ 'r:5': { auth: Buffer.from('me:pä:ss').toString('base64') } });
});
