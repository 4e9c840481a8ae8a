import { GantryError } from '@gantry/kit/errors';
import { kinds, type AnyObject, type Kind, type ObjectKinds } from '@gantry/model/objects';

/** Version of the values' form; a reader refuses what is newer than itself. */
const schemaVersion = 1;

const kindsByName: ReadonlyMap<string, Kind> = new Map(kinds.map((kind) => [kind, kind]));

/** `<kind>/<id>`, below the store's prefix. */
export function keyOf(kind: Kind, id: string): string {
  return `${kind}/${id}`;
}

/** The kind and id of a key, or undefined for keys that are not objects (the leader's). */
export function parseKey(key: string): { readonly kind: Kind; readonly id: string } | undefined {
  const slash = key.indexOf('/');
  const kind = kindsByName.get(key.slice(0, slash));
  return kind && { kind, id: key.slice(slash + 1) };
}

/** An object as its stored value: without its version, which is the key's own revision. */
export function encode(object: AnyObject): string {
  // Absent values are not written; one copy instead of two, for it is done for every write.
  return `{"schema":${schemaVersion},${JSON.stringify({ ...object, version: undefined }).slice(1)}`;
}

/** The object that a stored value holds, with its version. Throws `invalid` for a newer schema. */
export function decode<K extends Kind>(kind: K, value: string, version: number): ObjectKinds[K] {
  const { schema, ...rest } = JSON.parse(value) as { schema: number } & ObjectKinds[K];
  if (schema > schemaVersion) {
    throw new GantryError(
      'invalid',
      `a stored ${kind} has schema ${schema}, newer than this controller knows`,
      {
        hint: 'upgrade this controller',
      },
    );
  }
  return { ...rest, version } as unknown as ObjectKinds[K];
}
