import { stringify } from 'yaml';
import { table } from './table.ts';

export type Format = 'table' | 'wide' | 'json' | 'yaml' | 'name';

/** How a kind of object is shown. */
export interface Shape<T> {
  readonly header: readonly string[];
  readonly row: (item: T) => readonly string[];
  /** Further columns of `-o wide`. */
  readonly wideHeader?: readonly string[];
  readonly wideRow?: (item: T) => readonly string[];
  /** For `-o name` and `-q`. */
  readonly name: (item: T) => string;
  /** Said on stderr instead of an empty table. */
  readonly empty: string;
}

export interface Output {
  readonly format: Format;
  /** Prints objects on stdout as the user asked. */
  list<T>(items: readonly T[], shape: Shape<T>): void;
  /** Prints one value for programs, or nothing. */
  value(value: unknown): void;
  /** One sentence on stderr. */
  say(text: string): void;
}

export function createOutput(format: Format): Output {
  const print = (text: string): void => void process.stdout.write(text);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  return {
    format,
    say,
    value: (value) => {
      if (format === 'json') print(`${JSON.stringify(value, undefined, 2)}\n`);
      else if (format === 'yaml') print(stringify(value));
    },
    list: (items, shape) => {
      if (format === 'json') return print(`${JSON.stringify(items, undefined, 2)}\n`);
      if (format === 'yaml') return print(stringify(items));
      if (format === 'name') return print(items.map((item) => `${shape.name(item)}\n`).join(''));
      if (items.length === 0) return say(shape.empty);
      const wide = format === 'wide';
      const header = [...shape.header, ...(wide ? (shape.wideHeader ?? []) : [])];
      print(
        table(
          header,
          items.map((item) => [...shape.row(item), ...(wide ? (shape.wideRow?.(item) ?? []) : [])]),
        ),
      );
    },
  };
}
