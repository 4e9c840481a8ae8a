import type { Node } from 'yaml';
import { namePattern } from '@gantry/model/ids';
import type { ServiceSpec } from '@gantry/model/service';
import { problemsOf } from '@gantry/model/validate';
import { ComposeDocument } from './document.ts';
import type { Variables } from './interpolate.ts';
import { suggestion } from './keys.ts';
import type { Problem } from './problems.ts';
import { readService } from './service.ts';

/** A Compose file and what it is read with; nothing else is looked at. */
export interface ComposeInput {
  readonly source: string;
  /** The stack's name unless the file says `name:`; `given` wins over the file. */
  readonly stack: { readonly given?: string; readonly fallback: string };
  readonly variables: Variables;
  readonly readFile: (name: string) => string | undefined;
  /** True for `gantry.yaml`. */
  readonly sugar: boolean;
}

export interface ComposeResult {
  readonly stack: string;
  readonly services: readonly ServiceSpec[];
  readonly problems: readonly Problem[];
  /** Said, but no reason to stop. */
  readonly notices: readonly Problem[];
  /** Where a path of the spec stands in the file: `services.web.image`; the nearest part that is in the file. */
  readonly locate: (path: string) => Pick<Problem, 'line' | 'column' | 'length'>;
}

const topKeys = ['name', 'services', 'version', 'networks', 'volumes', 'secrets', 'configs', 'include'];

/** Reads a Compose file into specs, or says everything that is wrong with it, each with its place. */
export function readCompose(input: ComposeInput): ComposeResult {
  const doc = new ComposeDocument(input.source, input.variables);
  const stack = readTop(doc, input);
  const entries = doc.problems.length > 0 ? [] : doc.entries(doc.get(doc.root, 'services'), 'services');
  const services = entries.map(({ key, value, keyNode }) => {
    const spec = readService(doc, value, { ...input, stack, name: key });
    if (doc.problems.length === 0) {
      for (const problem of problemsOf(spec))
        doc.problem(nodeAt(doc, value, problem.path) ?? keyNode, problem.message);
    }
    return spec;
  });
  return {
    stack,
    services,
    problems: doc.problems,
    notices: doc.notices,
    locate: (path) => doc.place(nodeAt(doc, doc.root, path)),
  };
}

function readTop(doc: ComposeDocument, { stack }: ComposeInput): string {
  if (doc.root === undefined && doc.problems.length === 0) doc.problem(undefined, 'the file is empty');
  for (const { key, keyNode } of doc.entries(doc.root, 'a Compose file')) {
    if (key.startsWith('x-') || ['name', 'services'].includes(key)) continue;
    if (key === 'version') doc.notice(keyNode, 'version has no meaning any more');
    else if (topKeys.includes(key)) doc.problem(keyNode, `${key} is not supported yet; leave it out`);
    else {
      const meant = suggestion(key, topKeys);
      doc.problem(
        keyNode,
        `unknown key "${key}"`,
        meant === undefined ? undefined : `did you mean "${meant}"?`,
      );
    }
  }
  const services = doc.get(doc.root, 'services');
  if (services === undefined && doc.problems.length === 0) doc.problem(doc.root, 'the file has no services');
  const named = stack.given ?? doc.text(doc.get(doc.root, 'name'), 'name') ?? stack.fallback;
  if (!namePattern.test(named)) {
    doc.problem(
      doc.get(doc.root, 'name'),
      `"${named}" is not a name for a stack`,
      'give one with --stack NAME',
    );
  }
  return named;
}

/** Parts of a spec's path as they are called in a Compose file. */
const inFile: Readonly<Record<string, string>> = {
  env: 'environment',
  workingDir: 'working_dir',
  stopSignal: 'stop_signal',
  stopGraceMs: 'stop_grace_period',
  restart: 'restart',
  constraints: 'deploy',
  limits: 'deploy',
  reservations: 'deploy',
  mode: 'deploy',
  capabilities: 'cap_add',
};

/** The deepest node that a path leads to. */
function nodeAt(doc: ComposeDocument, from: Node | undefined, path: string): Node | undefined {
  let node = from;
  for (const part of path.split('.').filter((one) => one !== 'container')) {
    const next =
      /^\d+$/.test(part) && doc.isList(node)
        ? doc.items(node, '')[Number(part)]
        : doc.get(node, inFile[part] ?? part);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}
