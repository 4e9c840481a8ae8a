/** One field that differs; absent on one side: it is not there. */
export interface Difference {
  /** `container.env.LOG_LEVEL` */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
}

/** Fields in which two plain values differ, by their paths, in order. Empty lists and maps are as good as absent. */
export function differences(before: unknown, after: unknown): readonly Difference[] {
  const [left, right] = [flat(before), flat(after)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((path) => left.get(path) !== right.get(path))
    .sort()
    .map((path) => {
      const [was, is] = [left.get(path), right.get(path)];
      return { path, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) };
    });
}

/** Names of variables whose values nobody should see on a screen. */
const secretName =
  /pass(w(or)?d|phrase)?|secret|token|credential|(api|private|access|signing|encryption)_?key|auth/i;
const hidden = '(not shown)';

/** The same differences without values that look like secrets: by the variable's name, or a password in a URL. */
export function withoutSecrets(found: readonly Difference[]): readonly Difference[] {
  return found.map(({ path, before, after }) => {
    const show = (value: string): string =>
      isSecret(path) ? hidden : value.replaceAll(/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, '$1***@');
    return {
      path,
      ...(before !== undefined && { before: show(before) }),
      ...(after !== undefined && { after: show(after) }),
    };
  });
}

function isSecret(path: string): boolean {
  const name = /(?:^|\.)(?:env|labels)\.(.+)$/.exec(path)?.[1];
  return name !== undefined && secretName.test(name);
}

function flat(value: unknown, path = '', into = new Map<string, string>()): ReadonlyMap<string, string> {
  if (value === undefined || value === null) return into;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) {
    if (value.length > 0) into.set(path, JSON.stringify(value));
  } else if (typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) flat(inner, path === '' ? key : `${path}.${key}`, into);
  } else into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  return into;
}
