import { interpolate, type Variables } from './interpolate.ts';

export interface EnvFile {
  readonly values: Readonly<Record<string, string>>;
  /** What is wrong, each with its line (from 1). */
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

/**
 * A `.env` or `env_file`: `NAME=value` lines, `#` comments, quotes around values. Values see the variables and earlier
 * lines, but not in single quotes; a name alone is taken from the variables, if it is there.
 */
export function parseEnvFile(text: string, variables: Variables): EnvFile {
  const values = new Map<string, string>();
  const problems: { line: number; message: string }[] = [];
  text.split(/\r?\n/).forEach((source, index) => {
    const wrong = (message: string): void => void problems.push({ line: index + 1, message });
    if (/^\s*(#|$)/.test(source)) return;
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:=\s*(.*?)\s*)?$/.exec(source);
    if (match?.[1] === undefined) return wrong('write NAME=value');
    const [, name, raw] = match;
    if (raw === undefined) {
      const known = variables[name];
      if (known !== undefined) values.set(name, known);
      return;
    }
    const value = unquoted(raw);
    if (!value) return wrong('a quote is not closed');
    const known = { ...Object.fromEntries(values), ...variables };
    const { text: read, error } = value.literal ? { text: value.text } : interpolate(value.text, known);
    if (error !== undefined) wrong(error);
    values.set(name, read);
  });
  return { values: Object.fromEntries(values), problems };
}

interface Unquoted {
  readonly text: string;
  /** In single quotes: nothing in it means anything. */
  readonly literal: boolean;
}

function unquoted(value: string): Unquoted | undefined {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return { text: value.replace(/(^|\s+)#.*$/, ''), literal: false };
  const quoted = quote === '"' ? /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/ : /^'([^']*)'\s*(?:#.*)?$/;
  const inside = quoted.exec(value)?.[1];
  if (inside === undefined) return undefined;
  return { text: quote === '"' ? unescaped(inside) : inside, literal: quote === "'" };
}

function unescaped(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return text.replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
}
