/** What a user may give so that hosts can pull from a registry. */
export interface RegistryCredential {
  /** `host[:port]`; `docker.io` for Docker Hub. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
  /** A token of the registry's own login instead of a password. */
  readonly identityToken?: string;
}

/** The file that skopeo reads a credential from (containers-auth.json). It holds this one and no other. */
export function authFileOf({ registry, username, password, identityToken }: RegistryCredential): string {
  const auth = btoa(
    String.fromCharCode(...utf8(`${username}:${identityToken === undefined ? password : ''}`)),
  );
  const entry = identityToken === undefined ? { auth } : { auth, identitytoken: identityToken };
  return JSON.stringify({ auths: { [registry]: entry } });
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export type RegistryFailureCode =
  'image_not_found' | 'not_allowed' | 'unreachable' | 'image_refused' | 'exhausted';

/** Why a registry did not give an image: the code to act on, words, and what to do. */
export interface RegistryFailure {
  readonly code: RegistryFailureCode;
  readonly words: string;
  readonly hint?: string;
}

/** What skopeo says → what it means, and what to do. The first match wins. */
const meanings: readonly (readonly [RegExp, RegistryFailureCode, words: string, hint?: string])[] = [
  [/no space left on device|disk quota exceeded/i, 'exhausted', 'the disk is full', 'free space on that host'],
  [/manifest unknown|name unknown|MANIFEST_UNKNOWN|NAME_UNKNOWN/i, 'image_not_found', 'the registry has no such image', 'check name and tag'],
  [/unauthorized|authentication required|denied|invalid username\/password|status ?code:? 40[13]|40[13] (unauthorized|forbidden)/i, 'not_allowed', 'the registry refuses access', '`docker login` to it where you run `gantry apply`, or make the image public'],
  [/x509:|certificate/i, 'not_allowed', 'the certificate of the registry is not trusted', 'put its CA into /etc/containers/certs.d/HOST:PORT/ca.crt on every host'],
  [/server gave HTTP response to HTTPS client/i, 'unreachable', 'the registry speaks HTTP, not HTTPS', 'name it with --insecure-registry if that is meant'],
  [/does not match (provided manifest )?digest|digest mismatch|digest did not match|verification failed/i, 'image_refused', 'the registry sent other bytes than the digest says', 'push the image again, or look who stands between'],
  [/unexpected EOF|unexpected end of|connection reset|broken pipe/i, 'unreachable', 'the connection to the registry broke in the middle'],
  [/no such host|connection refused|network is unreachable|no route to host|i\/o timeout|deadline exceeded|TLS handshake|: EOF/i, 'unreachable', 'the registry cannot be reached', 'check its name and the way to it'],
  [/no image found in .* for architecture/i, 'image_refused', 'the image is not made for this kind of host', 'use an image for its architecture'],
  [/too ?many ?requests|status ?code:? 429/i, 'unreachable', 'the registry asks to wait (too many requests)', '`docker login` raises the limit, or use a mirror'],
  [/not found|404/i, 'image_not_found', 'the registry has no such image', 'check name and tag'],
]; // prettier-ignore

/** The meaning of what skopeo said when it failed. Nothing in it is a credential: URLs lose what stands before an @. */
export function explainRegistryFailure(stderr: string): RegistryFailure {
  for (const [pattern, code, words, hint] of meanings) {
    if (pattern.test(stderr)) return { code, words, ...(hint !== undefined && { hint }) };
  }
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const said = /msg="((?:[^"\\]|\\.)*)"/.exec(last)?.[1] ?? last;
  return { code: 'unreachable', words: `it could not be pulled: ${withoutSecrets(said).slice(0, 300)}` };
}

function withoutSecrets(text: string): string {
  return text.replaceAll(/\/\/[^/\s@]*@/g, '//').replaceAll(/\?[^\s"\\]*/g, '');
}
