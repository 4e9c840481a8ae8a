import type { Node } from 'yaml';
import { contentName, valueProblem, type ContentKind } from '@gantry/model/content';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument, Entry } from './document.ts';
import type { Surroundings } from './environment.ts';

/** What `configs:` or `secrets:` at the top of a file says of one of them. */
export interface DeclaredContent {
  readonly kind: ContentKind;
  /** As services of the file call it. */
  readonly key: string;
  /** In the cluster. */
  readonly name: string;
  /** Absent: it is external, or could not be read, which has been said. */
  readonly value?: Uint8Array;
}

/** Those of both kinds; `find` answers by what services call them. */
export interface DeclaredContents {
  readonly all: readonly DeclaredContent[];
  find(kind: ContentKind, key: string): DeclaredContent | undefined;
}

const sources = ['file', 'environment', 'content', 'external'] as const;

/** `configs:` and `secrets:` at the top of a file, with their bytes. */
export function readContents(doc: ComposeDocument, stack: string, around: Surroundings): DeclaredContents {
  const all = (['config', 'secret'] as const).flatMap((kind) => {
    const entries = doc.entries(doc.get(doc.root, `${kind}s`), `${kind}s`);
    return entries.map((entry) => readContent(doc, kind, entry, stack, around));
  });
  return {
    all: all.filter((one) => isFirst(doc, all, one)),
    find: (kind, key) => all.find((one) => one.kind === kind && one.key === key),
  };
}

function readContent(
  doc: ComposeDocument,
  kind: ContentKind,
  entry: Entry,
  stack: string,
  around: Surroundings,
): DeclaredContent {
  const { key, value: node } = entry;
  checkKeys(doc, node, kind, `${kind} ${key}`);
  const given = sources.flatMap((source) => doc.entry(node, source) ?? []);
  const external = readExternal(doc, doc.get(node, 'external'));
  const [source, more] = given.filter(({ key: word }) => word !== 'external' || external);
  const ways = kind === 'config' ? 'file:, content: or environment:' : 'file: or environment:';
  if (!source)
    doc.problem(
      entry.keyNode,
      `${kind} ${key} does not say what is in it`,
      `write ${ways} below it, or external: true`,
    );
  else if (more)
    doc.problem(
      more.keyNode,
      `${kind} ${key} says twice what is in it`,
      `leave ${source.key}: or ${more.key}: out`,
    );
  const value = source && !more ? readValue(doc, kind, key, source, around) : undefined;
  const named = doc.text(doc.get(node, 'name'), 'name');
  return {
    kind,
    key,
    name: named ?? (external ? key : contentName(stack, key)),
    ...(value && { value }),
  };
}

/** What is wrong with a value is said without a word of it. */
function readValue(
  doc: ComposeDocument,
  kind: ContentKind,
  key: string,
  source: Entry,
  around: Surroundings,
): Uint8Array | undefined {
  const value = bytesOf(doc, kind, key, source, around);
  const problem = value && valueProblem(kind, key, value.length);
  if (problem !== undefined) doc.problem(source.value ?? source.keyNode, problem);
  return value;
}

function bytesOf(
  doc: ComposeDocument,
  kind: ContentKind,
  key: string,
  { key: source, value: node, keyNode }: Entry,
  around: Surroundings,
): Uint8Array | undefined {
  const text = source === 'external' ? undefined : doc.text(node, source);
  if (source === 'content') return new TextEncoder().encode(text ?? '');
  if (source === 'external') return undefined;
  if (text === undefined || text === '') {
    doc.problem(node ?? keyNode, `${source} of ${kind} ${key} is empty`);
    return undefined;
  }
  if (source === 'file') {
    const bytes = around.readBytes?.(text);
    if (!bytes)
      doc.problem(
        node,
        `${kind} ${key}: the file ${text} cannot be read`,
        'it is looked for beside this file',
      );
    return bytes;
  }
  const found = around.variables[text];
  if (found === undefined)
    doc.problem(
      node,
      `${kind} ${key}: the variable ${text} is not set`,
      'set it in the environment, or in .env',
    );
  return found === undefined ? undefined : new TextEncoder().encode(found);
}

/** `external: true`; a map with a name is of old and refused. */
function readExternal(doc: ComposeDocument, node: Node | undefined): boolean {
  if (!doc.isMap(node)) return doc.boolean(node, 'external') ?? false;
  doc.problem(node, 'external must be true or false', 'write external: true, and name: beside it');
  return true;
}

/** Two that have bytes of their own cannot share a name. */
function isFirst(doc: ComposeDocument, all: readonly DeclaredContent[], one: DeclaredContent): boolean {
  const first = all.find(({ kind, name, value }) => value && kind === one.kind && name === one.name);
  if (!one.value || !first || first === one) return true;
  doc.problem(
    doc.entry(doc.get(doc.root, `${one.kind}s`), one.key)?.keyNode,
    `${one.kind} ${one.key} has the same name as ${first.key}: ${one.name}`,
  );
  return false;
}
