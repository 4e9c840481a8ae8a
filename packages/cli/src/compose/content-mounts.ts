import type { Node } from 'yaml';
import { contentKinds, type ContentKind, type ContentMount } from '@gantry/model/content';
import { checkKeys } from './check-keys.ts';
import type { DeclaredContents } from './contents.ts';
import type { ComposeDocument } from './document.ts';
import { suggestion } from './suggest.ts';
import { parseMode } from './units.ts';
import { parsed, whole } from './values.ts';

/** As Compose and Swarm have it: everybody in the container may read it. */
const defaultMode = 0o444;

/** The configs and secrets of a service, each with the entry it was read from. */
export function readContentMounts(
  doc: ComposeDocument,
  service: Node | undefined,
  declared: DeclaredContents,
): readonly { readonly mount: ContentMount; readonly node: Node }[] {
  return contentKinds.flatMap((kind) =>
    doc
      .items(doc.get(service, `${kind}s`), `${kind}s`)
      .flatMap((node) => readMount(doc, kind, node, declared).map((mount) => ({ mount, node }))),
  );
}

/** `- name`, or `{source, target, uid, gid, mode}`. */
function readMount(
  doc: ComposeDocument,
  kind: ContentKind,
  node: Node,
  declared: DeclaredContents,
): readonly ContentMount[] {
  const long = doc.isMap(node);
  if (long) checkKeys(doc, node, 'service.content', `a ${kind}`);
  const get = (key: string): Node | undefined => (long ? doc.get(node, key) : undefined);
  const key = doc.text(long ? get('source') : node, long ? 'source' : `a ${kind}`);
  if (key === undefined || key === '') {
    doc.problem(node, `this names no ${kind}`, `write source: and the name of one below ${kinds(kind)}`);
    return [];
  }
  const found = declared.find(kind, key);
  if (!found) {
    doc.problem(
      get('source') ?? node,
      `there is no ${kind} ${key} in this file`,
      hintFor(kind, key, declared),
    );
    return [];
  }
  const mode = parsed(doc, get('mode'), 'mode', parseMode, 'write it in octal, e.g. 0440');
  return [
    {
      kind,
      source: found.name,
      target: targetOf(kind, doc.text(get('target'), 'target') ?? key),
      uid: whole(doc, get('uid'), 'uid') ?? 0,
      gid: whole(doc, get('gid'), 'gid') ?? 0,
      mode: mode ?? defaultMode,
    },
  ];
}

/** Secrets are below /run/secrets, configs below the root, unless their path says otherwise. */
function targetOf(kind: ContentKind, target: string): string {
  if (target.startsWith('/')) return target;
  return kind === 'secret' ? `/run/secrets/${target}` : `/${target}`;
}

function hintFor(kind: ContentKind, key: string, { all }: DeclaredContents): string {
  const known = all.filter((one) => one.kind === kind).map((one) => one.key);
  const near = suggestion(key, known, false);
  return near === undefined
    ? `write it below ${kinds(kind)} at the top of the file`
    : `did you mean "${near}"?`;
}

function kinds(kind: ContentKind): string {
  return `${kind}s:`;
}
