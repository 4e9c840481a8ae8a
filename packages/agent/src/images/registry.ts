import { GantryError, type ErrorCode } from '@gantry/kit/errors';

/** What skopeo says → what it means, and what to do. The first match wins. */
const meanings: readonly (readonly [pattern: RegExp, code: ErrorCode, words: string, hint: string])[] = [
  [/manifest unknown|name unknown|not found|NAME_UNKNOWN/i, 'image_not_found', 'the registry has no such image', 'check name and tag'],
  [/unauthorized|authentication required|denied/i, 'not_allowed', 'the registry refuses access', 'log in to it, or make the image public'],
  [/server gave HTTP response to HTTPS client/i, 'unreachable', 'the registry speaks HTTP, not HTTPS', 'name it with --insecure-registry if that is meant'],
  [/no such host|connection refused|network is unreachable|i\/o timeout|deadline exceeded|TLS handshake/i, 'unreachable', 'the registry cannot be reached', 'check its name and the way to it'],
  [/no image found in .* for architecture/i, 'image_refused', 'the image is not made for this kind of host', 'use an image for its architecture'],
]; // prettier-ignore

/** The error of a skopeo that failed, as one sentence about the image. */
export function explainRegistryFailure(ref: string, stderr: string): GantryError {
  for (const [pattern, code, words, hint] of meanings) {
    if (pattern.test(stderr)) return new GantryError(code, `image ${ref}: ${words}`, { hint });
  }
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const said = /msg="((?:[^"\\]|\\.)*)"/.exec(last)?.[1] ?? last;
  return new GantryError('unreachable', `image ${ref} could not be pulled: ${said.slice(0, 300)}`);
}

/** True if the registry may be spoken to without TLS: it is on loopback, or the operator named it. */
export function isInsecure(ref: string, listed: readonly string[]): boolean {
  const host = registryOf(ref);
  return listed.includes(host) || /^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(host);
}

/** `host[:port]` of a reference; Docker Hub if it names none (distribution's rule). */
export function registryOf(ref: string): string {
  const first = ref.slice(0, Math.max(0, ref.indexOf('/')));
  return /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

/** The repository of a reference, without tag and digest. */
export function repositoryOf(ref: string): string {
  const withoutDigest = ref.replace(/@.*$/, '');
  return withoutDigest.replace(/:[^:/]*$/, '');
}
