import type { Node } from 'yaml';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { parseEnvFile } from './env-file.ts';
import type { Variables } from './interpolate.ts';
import { pairs } from './values.ts';

/** What a file may refer to outside itself. */
export interface Surroundings {
  readonly variables: Variables;
  /** Contents of a file that `env_file` names, as written; undefined if it cannot be read. */
  readonly readFile: (name: string) => string | undefined;
  /** The bytes of a file that a config or secret names (of a large one, more than is allowed); absent: none can be read. */
  readonly readBytes?: (name: string) => Uint8Array | undefined;
}

/** Files first, then `environment:`; a name without a value is taken from the caller's environment, if it is there. */
export function readEnvironment(
  doc: ComposeDocument,
  node: Node | undefined,
  around: Surroundings,
): Record<string, string> {
  const own = pairs(doc, doc.get(node, 'environment'), 'environment').flatMap(([name, value]) => {
    const found = value ?? around.variables[name];
    return found === undefined ? [] : [[name, found] as const];
  });
  return Object.fromEntries([...fromFiles(doc, doc.get(node, 'env_file'), around), ...own]);
}

function fromFiles(
  doc: ComposeDocument,
  node: Node | undefined,
  around: Surroundings,
): readonly (readonly [string, string])[] {
  const items = doc.isList(node) ? doc.items(node, 'env_file') : node ? [node] : [];
  return items.flatMap((item) => {
    const { path, required } = fileOf(doc, item);
    if (path === undefined) return [];
    const text = around.readFile(path);
    if (text === undefined) {
      if (required) doc.problem(item, `env_file ${path} cannot be read`, 'it is looked for beside this file');
      return [];
    }
    const { values, problems } = parseEnvFile(text, around.variables);
    for (const { line, message } of problems) doc.problem(item, `env_file ${path}, line ${line}: ${message}`);
    return Object.entries(values);
  });
}

/** `path`, or `{path, required}`. */
function fileOf(doc: ComposeDocument, item: Node): { path: string | undefined; required: boolean } {
  if (!doc.isMap(item)) return { path: doc.text(item, 'env_file'), required: true };
  checkKeys(doc, item, 'env_file', 'env_file');
  const path = doc.text(doc.get(item, 'path'), 'path');
  if (path === undefined) doc.problem(item, 'an env_file needs a path');
  return { path, required: doc.boolean(doc.get(item, 'required'), 'required') ?? true };
}
