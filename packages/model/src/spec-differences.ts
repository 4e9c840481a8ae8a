import { differences, withoutSecrets, type Difference } from './differences.ts';

/** A mount as a spec has it, here or on the wire. */
interface Mount {
  readonly kind: string;
  readonly source: string;
  readonly number?: number | undefined;
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

interface WithContents {
  readonly container?: { readonly contents?: readonly Mount[] | undefined } | undefined;
}

/**
 * What two specs differ in, without values that look like secrets; each config and secret by its name: `secret shop_db:
 * version 2`.
 */
export function specDifferences(
  before: WithContents | undefined,
  after: WithContents | undefined,
): readonly Difference[] {
  return withoutSecrets(differences(byName(before), byName(after)));
}

/** Versions that a spec has and the other has not, in words: `secret shop_db: version 2 → 3`. */
export function contentChanges(before: WithContents, after: WithContents): readonly string[] {
  const versions = (spec: WithContents): object => namedVersions(spec.container?.contents ?? []);
  return differences(versions(before), versions(after)).map(({ path, before: was, after: is }) => {
    if (was !== undefined && is !== undefined) return `${path}: ${was} → ${is.replace('version ', '')}`;
    return is === undefined ? `${path}: gone` : `${path}: ${is}`;
  });
}

function byName(spec: WithContents | undefined): unknown {
  const contents = spec?.container?.contents ?? [];
  if (contents.length === 0) return spec;
  const files = named(contents, ({ target, uid, gid, mode }) => {
    return `${target} of ${uid}:${gid}, mode 0${mode.toString(8)}`;
  });
  return {
    ...spec,
    container: { ...spec?.container, contents: undefined },
    ...namedVersions(contents),
    ...Object.fromEntries(Object.entries(files).map(([name, words]) => [`${name} at`, words])),
  };
}

function namedVersions(contents: readonly Mount[]): Readonly<Record<string, string>> {
  return named(contents, ({ number }) => (number === undefined ? 'no version yet' : `version ${number}`));
}

/** By kind and name; one that is there more than once gets a number. */
function named(
  contents: readonly Mount[],
  words: (mount: Mount) => string,
): Readonly<Record<string, string>> {
  const seen = new Map<string, number>();
  return Object.fromEntries(
    contents.map((mount) => {
      const name = `${mount.kind} ${mount.source}`;
      const times = (seen.get(name) ?? 0) + 1;
      seen.set(name, times);
      return [times === 1 ? name : `${name} (${times})`, words(mount)];
    }),
  );
}
