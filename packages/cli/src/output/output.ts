import { stringify } from 'yaml';
import type { Io } from '../io.ts';
import type { Format, GlobalOptions } from '../options.ts';
import { createPaint } from './paint.ts';
import { table } from './table.ts';

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
  /** Prints what was done for programs (json, yaml, names); for people it has been said. */
  done(items: readonly { readonly name: string }[]): void;
  /** One sentence on stderr. */
  say(text: string): void;
}

export function createOutput(io: Io, { output, quiet, color }: GlobalOptions): Output {
  const format = quiet ? 'name' : (output ?? 'table');
  const paint = createPaint(color ?? 'auto', io.stdout);
  const print = (text: string): void => void io.stdout.write(text);
  const say = (text: string): void => void io.stderr.write(`${text}\n`);
  const data = (items: readonly unknown[]): void => print(asData(format, items));
  return {
    format,
    say,
    done: (items) => {
      if (format === 'name') print(items.map(({ name }) => `${name}\n`).join(''));
      else if (format === 'json' || format === 'yaml') data(items);
    },
    list: (items, shape) => {
      if (format === 'json' || format === 'yaml') return data(items);
      if (format === 'name') return print(items.map((item) => `${shape.name(item)}\n`).join(''));
      if (items.length === 0) return say(shape.empty);
      const wide = format === 'wide';
      const header = [...shape.header, ...(wide ? (shape.wideHeader ?? []) : [])];
      const rows = items.map((item) => [...shape.row(item), ...(wide ? (shape.wideRow?.(item) ?? []) : [])]);
      const [first = '', ...rest] = table(
        header,
        rows,
        io.stdout.isTTY && !wide ? io.stdout.columns : undefined,
      );
      print(`${[paint('bold', first), ...rest].join('\n')}\n`);
    },
  };
}

/** The API's objects as they are; yaml unless the format is json. */
export function asData(format: Format, value: unknown): string {
  return format === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value);
}
