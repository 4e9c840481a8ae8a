import type { Format } from '../options.ts';

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

/** A line for what was (`-`) and what is to be (`+`), or the list itself for programs. */
export function showDifferences(found: readonly Difference[], format: Format): string {
  if (format === 'json' || format === 'yaml') return `${JSON.stringify(found, undefined, 2)}\n`;
  return found
    .flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [`- ${path}: ${before}\n`]),
      ...(after === undefined ? [] : [`+ ${path}: ${after}\n`]),
    ])
    .join('');
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
