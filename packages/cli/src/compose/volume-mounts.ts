import type { Node } from 'yaml';
import type { TmpfsMount, VolumeMount } from '@gantry/model/volume';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined, parseMode, parseSize, someOf } from './units.ts';
import { parsed, size, word } from './values.ts';
import type { DeclaredVolumes } from './volumes.ts';

/** One entry of a service's `volumes:`, in its short or long form; nothing if it cannot be understood. */
export function readMount(
  doc: ComposeDocument,
  node: Node,
  declared: DeclaredVolumes,
): readonly VolumeMount[] {
  return doc.isMap(node) ? longMount(doc, node, declared) : shortMount(doc, node, declared);
}

const modes = new Set(['ro', 'rw', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent']);

/** `name:/data[:ro]`, `/host/path:/data[:ro]`, `/data` (for the life of the task). */
function shortMount(doc: ComposeDocument, node: Node, declared: DeclaredVolumes): readonly VolumeMount[] {
  const text = doc.text(node, 'a volume');
  if (text === undefined) return [];
  const parts = text.split(':');
  const last = parts.length > 1 && !parts.at(-1)?.startsWith('/') ? (parts.pop() ?? '') : '';
  const options = last.split(',').filter(Boolean);
  const unknown = options.find((option) => !modes.has(option));
  if (parts.length > 2 || unknown !== undefined || text === '') {
    const hint = 'write NAME:/path, /host/path:/path, and :ro behind it to make it read-only';
    doc.problem(node, `volume "${text}" is not understood`, hint);
    return [];
  }
  const [first = '', second] = parts;
  const [source, target] = second === undefined ? [undefined, first] : [first, second];
  const readOnly = options.includes('ro');
  const noCopy = options.includes('nocopy');
  if (source === undefined) return [{ kind: 'volume', target, readOnly, noCopy, external: false }];
  if (/^[./~]/.test(source)) return bind(doc, node, { source, target, readOnly, createSource: true });
  return named(doc, node, declared, { source, target, readOnly, noCopy });
}

function longMount(doc: ComposeDocument, node: Node, declared: DeclaredVolumes): readonly VolumeMount[] {
  checkKeys(doc, node, 'volumes', 'a volume');
  const type = word(doc, doc.get(node, 'type'), 'type', ['volume', 'bind', 'tmpfs'] as const) ?? 'volume';
  const text = (...path: string[]): string | undefined => doc.text(doc.get(node, ...path), path.at(-1) ?? '');
  const flag = (...path: string[]): boolean | undefined =>
    doc.boolean(doc.get(node, ...path), path.at(-1) ?? '');
  const [source, target] = [text('source'), text('target')];
  if (target === undefined) {
    doc.problem(node, 'a volume needs a target, the path in the container');
    return [];
  }
  const readOnly = flag('read_only') ?? false;
  for (const other of ['volume', 'bind', 'tmpfs'] as const) {
    const options = doc.entry(node, other);
    checkKeys(doc, options?.value, `volumes.${other}`, other);
    if (options && other !== type)
      doc.problem(options.keyNode, `${other}: is not for a volume of type ${type}`);
  }
  if (type === 'tmpfs') {
    const sizeBytes = size(doc, doc.get(node, 'tmpfs', 'size'), 'size');
    const mode = parsed(
      doc,
      doc.get(node, 'tmpfs', 'mode'),
      'mode',
      parseMode,
      'write it in octal, e.g. 1777',
    );
    return [{ kind: 'tmpfs', target, readOnly, exec: false, ...defined({ sizeBytes, mode }) }];
  }
  const subpath = text(type, 'subpath');
  if (type === 'bind') {
    const createSource = flag('bind', 'create_host_path') ?? true;
    return bind(doc, node, { source: source ?? '', target, readOnly, createSource, ...defined({ subpath }) });
  }
  const noCopy = flag('volume', 'nocopy') ?? false;
  if (source === undefined || source === '')
    return [{ kind: 'volume', target, readOnly, noCopy, external: false }];
  return named(doc, node, declared, { source, target, readOnly, noCopy, ...defined({ subpath }) });
}

interface NamedInput {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly subpath?: string;
}

function named(
  doc: ComposeDocument,
  node: Node,
  declared: DeclaredVolumes,
  input: NamedInput,
): readonly VolumeMount[] {
  const volume = declared.get(input.source);
  if (!volume) {
    doc.problem(
      node,
      `volume ${input.source} is not declared`,
      `write it below volumes: at the end of the file: "${input.source}:"`,
    );
    return [];
  }
  const labels = someOf(volume.labels);
  return [
    { kind: 'volume', ...input, source: volume.name, external: volume.external, ...(labels && { labels }) },
  ];
}

/** A file of one machine means nothing on another: only absolute paths, which are the node's. */
function bind(
  doc: ComposeDocument,
  node: Node,
  input: Omit<Extract<VolumeMount, { kind: 'bind' }>, 'kind'>,
): readonly VolumeMount[] {
  if (input.source.startsWith('/')) return [{ kind: 'bind', ...input }];
  doc.problem(
    node,
    `"${input.source}" is a path of this machine, and tasks run on the nodes`,
    'use a named volume, or an absolute path that is there on every node',
  );
  return [];
}

/** `/run:size=64m,mode=1777,exec`: the options of mount(8) that make sense for a container. */
export function readTmpfsText(doc: ComposeDocument, node: Node | undefined, text: string): TmpfsMount {
  const [target = '', options = ''] = text.split(':', 2);
  const all = new Map(
    options
      .split(',')
      .filter(Boolean)
      .map((option) => {
        const [name = '', value = ''] = option.split('=', 2);
        return [name, value];
      }),
  );
  const known = new Set(['size', 'mode', 'uid', 'gid', 'exec', 'noexec', 'ro', 'rw', 'nosuid', 'nodev']);
  const number = (name: string, parse: (value: string) => number | undefined): number | undefined => {
    const value = all.get(name);
    const read = value === undefined ? undefined : parse(value);
    if (value !== undefined && read === undefined)
      doc.problem(node, `${name} "${value}" of tmpfs ${target} is not understood`);
    return read;
  };
  for (const name of all.keys()) {
    if (!known.has(name))
      doc.problem(
        node,
        `tmpfs ${target}: the option ${name} is not known`,
        `known are ${[...known].join(', ')}`,
      );
  }
  const id = (value: string): number | undefined => (/^\d+$/.test(value) ? Number(value) : undefined);
  return {
    kind: 'tmpfs',
    target,
    readOnly: all.has('ro'),
    exec: all.has('exec'),
    ...defined({
      sizeBytes: number('size', parseSize),
      mode: number('mode', parseMode),
      uid: number('uid', id),
      gid: number('gid', id),
    }),
  };
}
