/** `host[:port]` of an image reference; Docker Hub if it names none (distribution's rule). */
export function registryOf(ref: string): string {
  const first = ref.slice(0, Math.max(0, ref.indexOf('/')));
  return /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

/** The full form that references are compared in: `nginx` and `docker.io/library/nginx:latest` are the same. */
export function normalize(ref: string): string {
  const registry = registryOf(ref);
  const rest = ref.startsWith(`${registry}/`) ? ref.slice(registry.length + 1) : ref;
  const path = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  const tagged = /@|:[^/]+$/.test(path) ? path : `${path}:latest`;
  return `${registry}/${tagged}`;
}
