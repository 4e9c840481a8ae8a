import type { Node } from 'yaml';
import { stackProblems } from '@gantry/model/dependency';
import { namePattern } from '@gantry/model/ids';
import type { ContentKind } from '@gantry/model/content';
import type { ServiceSpec } from '@gantry/model/service';
import { problemsOf } from '@gantry/model/validate';
import { checkKeys } from './check-keys.ts';
import { readContents, type DeclaredContents } from './contents.ts';
import { ComposeDocument, type Entry } from './document.ts';
import type { Surroundings } from './environment.ts';
import { locateField } from './locate.ts';
import type { Problem, Spot } from './problems.ts';
import { withLinks } from './links.ts';
import { readNetworks } from './networks.ts';
import { readService, type ReadService } from './service.ts';
import { readVolumes } from './volumes.ts';

/** A Compose file and what it is read with; nothing else is looked at. */
export interface ComposeInput extends Surroundings {
  readonly source: string;
  /** The stack's name unless the file says `name:`; `given` wins over the file. */
  readonly stack: { readonly given?: string; readonly fallback: string };
  /** True for `gantry.yaml`. */
  readonly sugar: boolean;
}

export interface ComposeResult {
  readonly stack: string;
  readonly services: readonly ServiceSpec[];
  /** Bytes of the configs and secrets that services name and that are the stack's own. */
  readonly contents: readonly GivenContent[];
  readonly problems: readonly Problem[];
  /** Said, but no reason to stop. */
  readonly notices: readonly Problem[];
  /** Where a field of a spec stands in the file: `services.web.image`, `services.web.ports.0`. */
  readonly locate: (path: string) => Spot;
}

/** What should be in a config or secret. Not to be shown. */
export interface GivenContent {
  readonly kind: ContentKind;
  readonly name: string;
  readonly value: Uint8Array;
}

/** Reads a Compose file into specs, or says everything that is wrong with it, each with its place. */
export function readCompose(input: ComposeInput): ComposeResult {
  const doc = new ComposeDocument(input.source, input.variables);
  const stack = doc.readable ? readTop(doc, input) : '';
  const entries = doc.readable ? readEntries(doc) : [];
  const networks = readNetworks(doc, stack);
  const volumes = readVolumes(doc, stack);
  const contents = readContents(doc, stack, input);
  const read = entries.map((entry) => {
    const before = doc.problems.length;
    const service = readService(doc, entry, { ...input, stack, networks, volumes, contents });
    return { entry, ...service, sound: doc.problems.length === before };
  });
  const services = withLinks(doc, read).map((spec, index) => ({ spec, ...placed(doc, spec, read[index]) }));
  for (const { service, path, message } of stackProblems(services.map(({ spec }) => spec)))
    doc.problem(services.find(({ spec }) => spec.name === service)?.at(path), message);
  return {
    stack,
    services: services.map(({ spec }) => spec),
    contents: usedContents(
      doc,
      contents,
      services.map(({ spec }) => spec),
    ),
    problems: doc.problems,
    notices: doc.notices,
    locate: (path) => {
      const [, name, ...field] = path.split('.');
      const service = services.find(({ spec }) => spec.name === name);
      return doc.spot(service?.at(field.join('.')) ?? doc.entry(doc.root, 'services')?.keyNode);
    },
  };
}

/** A config or secret that no service names is not made. */
function usedContents(
  doc: ComposeDocument,
  { all }: DeclaredContents,
  specs: readonly ServiceSpec[],
): readonly GivenContent[] {
  const mounts = specs.flatMap(({ container }) => container.contents ?? []);
  return all.flatMap(({ kind, key, name, value }) => {
    if (!mounts.some((mount) => mount.kind === kind && mount.source === name)) {
      const node = doc.entry(doc.get(doc.root, `${kind}s`), key)?.keyNode;
      doc.notice(node, `${kind} ${key}: no service names it; it is not made`);
      return [];
    }
    return value ? [{ kind, name, value }] : [];
  });
}

/** Where fields of the service stand. What could not be read has been said; the rules are for what could. */
function placed(
  doc: ComposeDocument,
  spec: ServiceSpec,
  read: (ReadService & { readonly entry: Entry; readonly sound: boolean }) | undefined,
): { readonly at: (path: string) => Node | undefined } {
  const at = (path: string): Node | undefined => read && locateField(doc, read.entry, read, path);
  if (read?.sound) checkRules(doc, spec, at);
  return { at };
}

function readEntries(doc: ComposeDocument): readonly Entry[] {
  const before = doc.problems.length;
  const services = doc.entry(doc.root, 'services');
  const entries = doc.entries(services?.value, 'services');
  if (entries.length === 0 && doc.problems.length === before && doc.isMap(doc.root))
    doc.problem(services?.keyNode, 'the file has no services', 'write services: and a name below it');
  return entries;
}

function checkRules(doc: ComposeDocument, spec: ServiceSpec, at: (path: string) => Node | undefined): void {
  for (const { path, message } of problemsOf(spec)) {
    // The stack's name has been looked at where it stands.
    if (path !== 'stack') doc.problem(at(path), message);
  }
}

function readTop(doc: ComposeDocument, { stack }: ComposeInput): string {
  if (doc.root === undefined)
    doc.problem(undefined, 'the file is empty', 'write services: and a name below it');
  checkKeys(doc, doc.root, 'file', 'a Compose file');
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
