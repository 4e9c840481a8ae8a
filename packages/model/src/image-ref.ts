/** `host[:port]` of an image reference; Docker Hub if it names none (distribution's rule). */
export function registryOf(ref: string): string {
  const first = ref.slice(0, Math.max(0, ref.indexOf('/')));
  return /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

/** The repository of a reference, without tag and digest. */
export function repositoryOf(ref: string): string {
  return ref.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
}

/** The digest that a reference names itself (`name@sha256:…`). */
export function digestIn(ref: string): string | undefined {
  return /@(sha256:[0-9a-f]{64})$/.exec(ref)?.[1];
}

/** The full form that references are compared in: `nginx` and `docker.io/library/nginx:latest` are the same. */
export function normalizeRef(ref: string): string {
  const registry = registryOf(ref);
  const rest = ref.startsWith(`${registry}/`) ? ref.slice(registry.length + 1) : ref;
  const path = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  const tagged = /@|:[^/]+$/.test(path) ? path : `${path}:latest`;
  return `${registry}/${tagged}`;
}

/** True if the registry may be spoken to without TLS: it is on loopback, or the operator named it. */
export function isInsecure(ref: string, listed: readonly string[]): boolean {
  const host = registryOf(ref);
  return listed.includes(host) || /^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(host);
}
