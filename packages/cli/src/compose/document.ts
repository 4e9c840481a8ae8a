import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { interpolate, type Variables } from './interpolate.ts';
import type { Problem } from './problems.ts';

/** Files beyond this are no Compose files, bytes; aliases beyond this are a bomb. */
const maxBytes = 1 << 20;
const maxAliases = 100;

/** One entry of a map, with where it stands. */
export interface Entry {
  readonly key: string;
  readonly keyNode: Node | undefined;
  readonly value: Node | undefined;
}

/** A YAML file being read: its nodes with positions, variables filled in, everything wrong collected. */
export class ComposeDocument {
  readonly problems: Problem[] = [];
  readonly notices: Problem[] = [];
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #variables: Variables;
  readonly #unset = new Set<string>();

  constructor(source: string, variables: Variables) {
    this.#variables = variables;
    // YAML 1.2: `22:22` is text and `no` is a word. Duplicate keys are errors of the parser.
    this.#document = parseDocument(source.slice(0, maxBytes + 1), {
      lineCounter: this.#lines,
      merge: true,
      prettyErrors: false,
    });
    if (source.length > maxBytes) this.#add(0, 1, `the file is larger than ${maxBytes >> 20} MiB`);
    for (const { pos, message } of this.#document.errors) this.#add(pos[0], pos[1] - pos[0], message);
    if (source.split('*').length > maxAliases) this.#add(0, 1, 'the file has too many aliases');
  }

  get root(): Node | undefined {
    return this.#document.contents ?? undefined;
  }

  problem(node: Node | undefined, message: string, hint?: string): void {
    const [from, to] = this.#rangeOf(node);
    this.#add(from, to - from, message, hint);
  }

  notice(node: Node | undefined, message: string): void {
    const [from, to] = this.#rangeOf(node);
    this.notices.push(this.#at(from, to - from, message));
  }

  /** Where a node stands, for errors that come later. */
  place(node: Node | undefined): { readonly line: number; readonly column: number; readonly length: number } {
    const [from, to] = this.#rangeOf(node);
    const { line, column, length } = this.#at(from, to - from, '');
    return { line, column, length };
  }

  /** The entries of a map; a problem and nothing for what is none. */
  entries(node: Node | undefined, what: string): readonly Entry[] {
    const resolved = this.#resolve(node);
    if (resolved === undefined) return [];
    if (!isMap(resolved)) {
      this.problem(node, `${what} must be a map of names`);
      return [];
    }
    const own: Entry[] = [];
    const merged: Entry[] = [];
    for (const pair of resolved.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (key !== '<<') own.push({ key, keyNode: pair.key, value: pair.value ?? undefined });
      else merged.push(...this.#merge(pair.value ?? undefined));
    }
    const named = new Set(own.map(({ key }) => key));
    return [...own, ...merged.filter(({ key }) => !named.has(key))];
  }

  /** `<<: *a` or `<<: [*a, *b]`: the first that names a key wins. */
  #merge(node: Node | undefined): readonly Entry[] {
    const resolved = this.#resolve(node);
    const sources = isSeq(resolved) ? (resolved.items as Node[]) : [node];
    const seen = new Set<string>();
    return sources
      .flatMap((source) => this.entries(source, 'what is merged'))
      .filter(({ key }) => (seen.has(key) ? false : seen.add(key)));
  }

  /** The value of one key of a map, without a word if it is not there. */
  get(node: Node | undefined, key: string): Node | undefined {
    return isMap(this.#resolve(node))
      ? this.entries(node, key).find((entry) => entry.key === key)?.value
      : undefined;
  }

  isMap(node: Node | undefined): boolean {
    return isMap(this.#resolve(node));
  }

  isList(node: Node | undefined): boolean {
    return isSeq(this.#resolve(node));
  }

  items(node: Node | undefined, what: string): readonly Node[] {
    const resolved = this.#resolve(node);
    if (resolved === undefined) return [];
    if (isSeq(resolved)) return resolved.items as Node[];
    this.problem(node, `${what} must be a list`);
    return [];
  }

  /** A scalar as text with variables filled in; a problem for lists and maps. Absent and null are undefined. */
  text(node: Node | undefined, what: string): string | undefined {
    const resolved = this.#resolve(node);
    if (resolved === undefined) return undefined;
    if (!isScalar(resolved)) {
      this.problem(node, `${what} must be one value, not a ${isMap(resolved) ? 'map' : 'list'}`);
      return undefined;
    }
    const { value, source } = resolved;
    if (value === null || value === undefined) return undefined;
    // Numbers as they are written: `0440` and `1.10` keep their zeros.
    const raw = typeof value === 'string' ? value : (source ?? JSON.stringify(value));
    const { text, unset, error } = interpolate(raw, this.#variables);
    if (error !== undefined) this.problem(node, error);
    for (const name of unset) this.#warnUnset(name, node);
    return text;
  }

  boolean(node: Node | undefined, what: string): boolean | undefined {
    const text = this.text(node, what);
    if (text === undefined) return undefined;
    if (text === 'true' || text === 'false') return text === 'true';
    this.problem(node, `${what} must be true or false`);
    return undefined;
  }

  #warnUnset(name: string, node: Node | undefined): void {
    if (this.#unset.has(name)) return;
    this.#unset.add(name);
    this.notice(node, `variable ${name} is not set; it is taken as empty`);
  }

  #resolve(node: Node | undefined): Node | undefined {
    if (!isAlias(node)) return node;
    return node.resolve(this.#document) ?? undefined;
  }

  #rangeOf(node: Node | undefined): readonly [from: number, to: number] {
    const range = node?.range;
    return range ? [range[0], Math.max(range[0] + 1, range[1])] : [0, 1];
  }

  #add(offset: number, length: number, message: string, hint?: string): void {
    this.problems.push(this.#at(offset, length, message, hint));
  }

  #at(offset: number, length: number, message: string, hint?: string): Problem {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col, length, message, ...(hint !== undefined && { hint }) };
  }
}
