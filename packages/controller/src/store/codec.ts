import { GantryError } from '@gantry/kit/errors';
import { kinds, type AnyObject, type Kind, type ObjectKinds } from '@gantry/model/objects';
import type { Task } from '@gantry/model/task';

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

/** How every value begins that this version wrote. */
const opening = `{"schema":${schemaVersion},`;

/** An object as its stored value: without its version, which is the key's own revision. */
export function encode(object: AnyObject): string {
  // Absent values are not written.
  return opening + JSON.stringify({ ...object, version: undefined }).slice(1);
}

/** An object on its way to the log: its stored value once somebody asks for it, which a log in memory never does. */
export class Encoded {
  readonly #object: AnyObject;
  #text: string | undefined;

  constructor(object: AnyObject) {
    this.#object = object;
  }

  toString(): string {
    return (this.#text ??= encode(this.#object));
  }
}

/** The object that a stored value holds, with its version. Throws `invalid` for a newer schema. */
export function decode<K extends Kind>(kind: K, value: string, version: number): ObjectKinds[K] {
  // The version takes the schema's place in the text: a copy without the one and with the other costs more than parsing.
  if (value.startsWith(opening))
    return JSON.parse(`{"version":${version},${value.slice(opening.length)}`) as ObjectKinds[K];
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

/** The object with another version. Apart for tasks, of which there are many, so that their copies are made the quick way. */
export function atVersion(object: AnyObject, version: number): AnyObject {
  return object.kind === 'task' ? taskAt(object, version) : { ...object, version };
}

function taskAt(task: Task, version: number): Task {
  return { ...task, version };
}
