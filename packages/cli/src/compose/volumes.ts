import type { Node } from 'yaml';
import type { VolumeMount } from '@gantry/model/volume';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { record } from './units.ts';
import { pairs } from './values.ts';
import { readMount, readTmpfsText } from './volume-mounts.ts';

/** What `volumes:` at the top of a file says of one of them. */
export interface DeclaredVolume {
  /** Its name on the nodes. */
  readonly name: string;
  readonly external: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export type DeclaredVolumes = ReadonlyMap<string, DeclaredVolume>;

/** `volumes:` at the top of a file. A volume is named after its stack, unless it has a name of its own or is external. */
export function readVolumes(doc: ComposeDocument, stack: string): DeclaredVolumes {
  const declared = doc.entries(doc.get(doc.root, 'volumes'), 'volumes');
  return new Map(declared.map(({ key, value }) => [key, readVolume(doc, stack, key, value)]));
}

function readVolume(
  doc: ComposeDocument,
  stack: string,
  key: string,
  node: Node | undefined,
): DeclaredVolume {
  checkKeys(doc, node, 'volume', `volume ${key}`);
  const external = readExternal(doc, doc.get(node, 'external'));
  const driver = doc.get(node, 'driver');
  const named = doc.text(driver, 'driver');
  if (named !== undefined && named !== 'local')
    doc.problem(
      driver,
      `the volume driver ${named} is not supported`,
      'leave it out: volumes are on the node’s disk',
    );
  if (doc.entries(doc.get(node, 'driver_opts'), 'driver_opts').length > 0)
    doc.problem(
      doc.entry(node, 'driver_opts')?.keyNode,
      'driver_opts is not supported',
      'mount it on the node and use a bind',
    );
  return {
    name: doc.text(doc.get(node, 'name'), 'name') ?? (external ? key : `${stack}_${key}`),
    external,
    labels: record(pairs(doc, doc.get(node, 'labels'), 'labels')),
  };
}

/** `external: true`; a map with a name is of old and refused. */
function readExternal(doc: ComposeDocument, node: Node | undefined): boolean {
  if (!doc.isMap(node)) return doc.boolean(node, 'external') ?? false;
  doc.problem(node, 'external must be true or false', 'write external: true, and name: beside it');
  return true;
}

/** The mounts of a service, each with the entry it was read from: `volumes`, and each `tmpfs` that has options. */
export function readMounts(
  doc: ComposeDocument,
  node: Node | undefined,
  declared: DeclaredVolumes,
): readonly { readonly mount: VolumeMount; readonly node: Node | undefined }[] {
  const tmpfs = doc.get(node, 'tmpfs');
  const entries = doc.isList(tmpfs) ? doc.items(tmpfs, 'tmpfs') : [tmpfs];
  return [
    ...doc
      .items(doc.get(node, 'volumes'), 'volumes')
      .flatMap((item) => readMount(doc, item, declared).map((mount) => ({ mount, node: item }))),
    ...entries.flatMap((item) => {
      const text = doc.text(item, 'tmpfs');
      return text?.includes(':') ? [{ mount: readTmpfsText(doc, item, text), node: item }] : [];
    }),
  ];
}

/** Mount points of plain memory file systems: `tmpfs` entries without options. */
export function readTmpfs(doc: ComposeDocument, node: Node | undefined): readonly string[] {
  const entries = doc.isList(node) ? doc.items(node, 'tmpfs') : [node];
  return entries.flatMap((item) => doc.text(item, 'tmpfs') ?? []).filter((text) => !text.includes(':'));
}
