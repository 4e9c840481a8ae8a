import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { interpolate, type Variables } from './interpolate.ts';
import type { Problem, Spot } from './problems.ts';

/** Files beyond this are no Compose files, characters; aliases beyond this are a bomb. */
const maxLength = 1 << 20;
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
  readonly #document: Document | undefined;
  readonly #variables: Variables;
  readonly #unset = new Set<string>();
  readonly #targets = new Map<Alias, Node | undefined>();
  readonly #entries = new Map<YAMLMap, readonly Entry[] | 'being read'>();

  constructor(source: string, variables: Variables) {
    this.#variables = variables;
    if (source.length > maxLength) {
      this.#add(0, 1, `the file is larger than ${maxLength >> 20} MiB`);
      return;
    }
    this.#document = this.#parse(source);
  }

  /** False if the YAML itself is broken: then what it holds is not worth a word. */
  get readable(): boolean {
    return this.#document !== undefined && this.#document.errors.length === 0;
  }

  get root(): Node | undefined {
    return this.#document?.contents ?? undefined;
  }

  problem(node: Node | undefined, message: string, hint?: string): void {
    const [from, to] = rangeOf(node);
    this.#add(from, to - from, message, hint);
  }

  notice(node: Node | undefined, message: string): void {
    this.notices.push({ ...this.spot(node), message });
  }

  /** Where a node stands. */
  spot(node: Node | undefined): Spot {
    const [from, to] = rangeOf(node);
    return this.#at(from, to - from);
  }

  /** The entries of a map, with those that are merged into it; a problem and nothing for what is none. Null is empty. */
  entries(node: Node | undefined, what: string): readonly Entry[] {
    const map = this.#resolve(node);
    if (map === undefined || (isScalar(map) && map.value === null)) return [];
    if (isMap(map)) return this.#entriesOf(map, node);
    this.problem(node, `${what} must be a map, not ${isSeq(map) ? 'a list' : 'one value'}`);
    return [];
  }

  #entriesOf(map: YAMLMap, node: Node | undefined): readonly Entry[] {
    const known = this.#entries.get(map);
    if (known === 'being read') this.problem(node, 'a map cannot be merged into itself');
    if (known !== undefined) return known === 'being read' ? [] : known;
    // Each map is read once: merges of merges stay cheap, and a circle is noticed.
    this.#entries.set(map, 'being read');
    const own: Entry[] = [];
    const merged: Entry[] = [];
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (key !== '<<') own.push({ key, keyNode: pair.key, value: pair.value ?? undefined });
      else merged.push(...this.#merge(pair.value ?? undefined));
    }
    const named = new Set(own.map(({ key }) => key));
    const entries = [...own, ...merged.filter(({ key }) => !named.has(key))];
    this.#entries.set(map, entries);
    return entries;
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

  /** The entry of one key of a map, without a word if it is not there. */
  entry(node: Node | undefined, key: string): Entry | undefined {
    return this.isMap(node) ? this.entries(node, key).find((entry) => entry.key === key) : undefined;
  }

  /** The value of one key of a map, without a word if it is not there. */
  get(node: Node | undefined, ...path: readonly string[]): Node | undefined {
    return path.reduce((at, key) => this.entry(at, key)?.value, node);
  }

  isMap(node: Node | undefined): boolean {
    return isMap(this.#resolve(node));
  }

  isList(node: Node | undefined): boolean {
    return isSeq(this.#resolve(node));
  }

  /** The entries of a list; a problem and nothing for what is none. Null is an empty list. */
  items(node: Node | undefined, what: string): readonly Node[] {
    const resolved = this.#resolve(node);
    if (resolved === undefined || (isScalar(resolved) && resolved.value === null)) return [];
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
    return error === undefined ? text : undefined;
  }

  boolean(node: Node | undefined, what: string): boolean | undefined {
    const text = this.text(node, what);
    if (text === undefined) return undefined;
    if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
    this.problem(node, `${what} must be true or false`);
    return undefined;
  }

  #parse(source: string): Document | undefined {
    try {
      // YAML 1.2: `22:22` is text and `no` is a word. Duplicate keys are errors of the parser; merges are read above.
      const options = {
        lineCounter: this.#lines,
        merge: false,
        prettyErrors: false,
        logLevel: 'error',
      } as const;
      const document = parseDocument(source, options);
      for (const { pos, message } of [...document.errors, ...document.warnings]) {
        if (message.includes('call stack')) throw new RangeError(message);
        this.#add(pos[0], pos[1] - pos[0], message);
      }
      this.#resolveAliases(document);
      return document;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#add(0, 1, 'the file is nested too deeply');
      return undefined;
    }
  }

  #resolveAliases(document: Document): void {
    let count = 0;
    visit(document, {
      Alias: (_, alias) => {
        if (++count > maxAliases) {
          this.problem(alias, `a file may have at most ${maxAliases} aliases`);
          return visit.BREAK;
        }
        const target = alias.resolve(document);
        this.#targets.set(alias, target);
        if (!target) this.problem(alias, `there is no anchor &${alias.source} above this alias`);
        return undefined;
      },
    });
  }

  #warnUnset(name: string, node: Node | undefined): void {
    if (this.#unset.has(name)) return;
    this.#unset.add(name);
    this.notice(node, `variable ${name} is not set; it is taken as empty`);
  }

  #resolve(node: Node | undefined): Node | undefined {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #add(offset: number, length: number, message: string, hint?: string): void {
    this.problems.push({ ...this.#at(offset, length), message, ...(hint !== undefined && { hint }) });
  }

  #at(offset: number, length: number): Spot {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col), length };
  }
}

function rangeOf(node: Node | undefined): readonly [from: number, to: number] {
  const range = node?.range;
  return range ? [range[0], Math.max(range[0] + 1, range[1])] : [0, 1];
}
