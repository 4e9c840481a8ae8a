import { table } from './ruleset.ts';

/** Elements of the table's maps and sets: per name, key → value (empty in a set). */
export type Elements = ReadonlyMap<string, ReadonlyMap<string, string>>;

export const noElements: Elements = new Map();

/** Collects elements under their names. */
export class ElementList {
  readonly elements = new Map<string, Map<string, string>>();

  put(name: string, key: string, value = ''): void {
    const known = this.elements.get(name);
    if (known) known.set(key, value);
    else this.elements.set(name, new Map([[key, value]]));
  }
}

/** Elements to take out and to put in, gathered over many owners, as nft's words. */
export class ElementChanges {
  readonly #remove = new Map<string, string[]>();
  readonly #add = new Map<string, string[]>();

  /** Notes what leads from one set of an owner's elements to the next. */
  note(before: Elements, after: Elements): void {
    for (const [name, old] of before) {
      const wanted = after.get(name);
      for (const [key, value] of old) if (wanted?.get(key) !== value) into(this.#remove, name, key);
    }
    for (const [name, wanted] of after) {
      const old = before.get(name);
      for (const [key, value] of wanted) {
        if (old?.get(key) !== value) into(this.#add, name, value === '' ? key : `${key} : ${value}`);
      }
    }
  }

  /** `gone`: sets that are deleted as a whole. */
  removals(gone: ReadonlySet<string>): readonly string[] {
    return lines('delete', new Map([...this.#remove].filter(([name]) => !gone.has(name))));
  }

  additions(): readonly string[] {
    return lines('add', this.#add);
  }
}

function into(map: Map<string, string[]>, name: string, word: string): void {
  const words = map.get(name);
  if (words) words.push(word);
  else map.set(name, [word]);
}

/** A command may be long, but not endless. */
const perCommand = 1_000;

function lines(verb: 'add' | 'delete', elements: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return [...elements].flatMap(([name, words]) =>
    Array.from({ length: Math.ceil(words.length / perCommand) }, (_, index) => {
      const some = words.slice(index * perCommand, (index + 1) * perCommand);
      return `${verb} element ${table} ${name} { ${some.join(', ')} }`;
    }),
  );
}
