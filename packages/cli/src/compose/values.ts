import type { Node } from 'yaml';
import type { ComposeDocument } from './document.ts';
import { parseBitRate, parseCores, parseDuration, parseSize } from './units.ts';

/** Readers of single values: each answers undefined when absent, and leaves a problem when malformed. */
export function duration(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  return parsed(doc, node, what, parseDuration, 'write a duration, e.g. 10s or 1m30s');
}

export function size(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  return parsed(doc, node, what, parseSize, 'write a size, e.g. 256M or 1G');
}

/** Bits a second. */
export function bitRate(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  return parsed(doc, node, what, parseBitRate, 'write bits a second, e.g. 10mbit or 1gbit');
}

export function cores(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  return parsed(doc, node, what, parseCores, 'write cores, e.g. 0.5 or 2');
}

export function whole(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  const parse = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined);
  return parsed(doc, node, what, parse, 'write a whole number');
}

/** A share, 0 to 1. */
export function ratio(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  const parse = (text: string): number | undefined =>
    /^(0|1|0?\.\d+|0\.\d+|1\.0+)$/.test(text) ? Number(text) : undefined;
  return parsed(doc, node, what, parse, 'write a share from 0 to 1, e.g. 0.2');
}

/** A value by a parser of its own; the hint says how to write it. */
export function parsed(
  doc: ComposeDocument,
  node: Node | undefined,
  what: string,
  parse: (text: string) => number | undefined,
  hint: string,
): number | undefined {
  const text = doc.text(node, what);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) doc.problem(node, `${what} "${text}" is not understood`, hint);
  return value;
}

/** A whole number that may be below zero. */
export function integer(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  const parse = (text: string): number | undefined => (/^-?\d+$/.test(text) ? Number(text) : undefined);
  return parsed(doc, node, what, parse, 'write a whole number');
}

/** One of some words. */
export function word<W extends string>(
  doc: ComposeDocument,
  node: Node | undefined,
  what: string,
  words: readonly W[],
): W | undefined {
  const text = doc.text(node, what);
  if (text === undefined) return undefined;
  const found = words.find((known) => known === text);
  if (found === undefined) doc.problem(node, `${what} "${text}" is not known`, `use ${words.join(', ')}`);
  return found;
}

export function texts(doc: ComposeDocument, node: Node | undefined, what: string): readonly string[] {
  return doc.items(node, what).flatMap((item) => doc.text(item, `an entry of ${what}`) ?? []);
}

/** One text or a list of them. */
export function textOrTexts(doc: ComposeDocument, node: Node | undefined, what: string): readonly string[] {
  return doc.isList(node) ? texts(doc, node, what) : [doc.text(node, what)].flatMap((text) => text ?? []);
}

/** A map, or a list of `NAME=value`. A name without a value is answered as undefined. */
export function pairs(
  doc: ComposeDocument,
  node: Node | undefined,
  what: string,
): readonly (readonly [name: string, value: string | undefined])[] {
  if (node === undefined) return [];
  if (!doc.isMap(node) && !doc.isList(node) && doc.text(node, what) !== undefined) {
    doc.problem(node, `${what} must be a map, or a list of NAME=value`);
    return [];
  }
  if (doc.isMap(node))
    return doc.entries(node, what).map(({ key, value }) => [key, doc.text(value, key)] as const);
  return texts(doc, node, what).map((text) => {
    const equals = text.indexOf('=');
    return equals < 0
      ? ([text, undefined] as const)
      : ([text.slice(0, equals), text.slice(equals + 1)] as const);
  });
}

/** A command: a list as it is, or a line that is split as a shell would, without running one. */
export function command(
  doc: ComposeDocument,
  node: Node | undefined,
  what: string,
): readonly string[] | undefined {
  if (node === undefined) return undefined;
  if (doc.isList(node)) return texts(doc, node, what);
  const line = doc.text(node, what);
  if (line === undefined) return undefined;
  const words = splitWords(line);
  if (words) return words;
  doc.problem(node, `${what} has a quote that is not closed`);
  return undefined;
}

/** Words of a command line, with quotes and backslashes; undefined if a quote is left open. */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let current: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (quote !== '' && char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      current ??= '';
    } else if (char === '\\' && quote !== "'" && at + 1 < line.length)
      current = (current ?? '') + line.charAt(++at);
    else if (quote === '' && /\s/.test(char)) {
      if (current !== undefined) words.push(current);
      current = undefined;
    } else current = (current ?? '') + char;
  }
  if (quote !== '') return undefined;
  return current === undefined ? words : [...words, current];
}
