import type { Node } from 'yaml';
import { defaultPlacement, preemptWords, type Placement, type Preference } from '@gantry/model/placement';
import { same } from '@gantry/model/same';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { texts, whole, word } from './values.ts';

/**
 * Where a service should run: `deploy.placement`, devices and generic resources of `deploy.resources.reservations`, and
 * `x-gantry.placement`. Absent if the file asks for nothing.
 */
export function readPlacement(
  doc: ComposeDocument,
  service: Node | undefined,
  stack: string,
): Placement | undefined {
  const deploy = doc.get(service, 'deploy', 'placement');
  const extras = doc.get(service, 'x-gantry', 'placement');
  checkKeys(doc, extras, 'x-gantry.placement', 'x-gantry.placement');
  const most = whole(doc, doc.get(deploy, 'max_replicas_per_node'), 'max_replicas_per_node');
  const others = (key: string): readonly string[] =>
    texts(doc, doc.get(extras, key), key).map((name) => (name.includes('/') ? name : `${stack}/${name}`));
  const placement: Placement = {
    devices: readDevices(doc, doc.get(service, 'deploy', 'resources', 'reservations')),
    // Zero is Compose's word for no limit.
    ...(most !== undefined && most > 0 && { maxPerNode: most }),
    near: others('near'),
    apart: others('apart'),
    spread: readSpread(doc, doc.get(deploy, 'preferences')),
    prefer: readPrefer(doc, doc.get(extras, 'prefer')),
    priority: signed(doc, doc.get(extras, 'priority'), 'priority') ?? 0,
    ...readPreempt(doc, doc.get(extras, 'preempt')),
  };
  return same(placement, defaultPlacement) ? undefined : placement;
}

function readPreempt(doc: ComposeDocument, node: Node | undefined): Pick<Placement, 'preempt'> {
  const preempt = word(doc, node, 'preempt', preemptWords);
  return preempt === undefined ? {} : { preempt };
}

function readSpread(doc: ComposeDocument, node: Node | undefined): readonly string[] {
  return doc.items(node, 'preferences').flatMap((item) => {
    checkKeys(doc, item, 'deploy.placement.preferences', 'a preference');
    const attribute = doc.get(item, 'spread');
    if (!attribute)
      doc.problem(item, 'a preference names what to spread over', 'write spread: node.labels.zone');
    return doc.text(attribute, 'spread') ?? [];
  });
}

function readPrefer(doc: ComposeDocument, node: Node | undefined): readonly Preference[] {
  return doc.items(node, 'prefer').flatMap((item): Preference[] => {
    checkKeys(doc, item, 'x-gantry.placement.prefer', 'an entry of prefer');
    const constraint = doc.text(doc.get(item, 'constraint'), 'constraint');
    if (constraint === undefined)
      doc.problem(
        item,
        'an entry of prefer names a constraint',
        'write { constraint: node.labels.disk==ssd, weight: 50 }',
      );
    const weight = signed(doc, doc.get(item, 'weight'), 'weight') ?? 50;
    return constraint === undefined ? [] : [{ constraint, weight }];
  });
}

/** Things that are counted and not shared, by name. Which ones of them a task gets is not chosen. */
function readDevices(doc: ComposeDocument, reservations: Node | undefined): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  const add = (name: string, count: number): void => void counts.set(name, (counts.get(name) ?? 0) + count);
  for (const item of doc.items(doc.get(reservations, 'devices'), 'devices')) readDevice(doc, item, add);
  for (const item of doc.items(doc.get(reservations, 'generic_resources'), 'generic_resources')) {
    checkKeys(doc, item, 'generic_resources', 'a generic resource');
    const discrete = doc.get(item, 'discrete_resource_spec');
    checkKeys(doc, discrete, 'discrete_resource_spec', 'discrete_resource_spec');
    const kind = doc.text(doc.get(discrete, 'kind'), 'kind');
    const value = whole(doc, doc.get(discrete, 'value'), 'value');
    if (kind !== undefined && value !== undefined) add(kind.toLowerCase(), value);
    else
      doc.problem(
        item,
        'a generic resource has a kind and a value',
        'write discrete_resource_spec: { kind: gpu, value: 1 }',
      );
  }
  return Object.fromEntries([...counts].filter(([, count]) => count > 0));
}

function readDevice(doc: ComposeDocument, item: Node, add: (name: string, count: number) => void): void {
  checkKeys(doc, item, 'deploy.resources.devices', 'a device');
  const [capability] = texts(doc, doc.get(item, 'capabilities'), 'capabilities');
  const [count, ids] = [doc.get(item, 'count'), doc.get(item, 'device_ids')];
  if (capability === undefined) doc.problem(item, 'a device has capabilities', 'write capabilities: [gpu]');
  if (ids) doc.problem(ids, 'devices are counted, and not chosen by their ids', 'write count: N');
  if (count && doc.text(count, 'count') === 'all')
    return doc.problem(
      count,
      'hosts have different numbers of devices',
      'write how many a task needs, e.g. count: 1',
    );
  add(capability ?? '', whole(doc, count, 'count') ?? 1);
}

function signed(doc: ComposeDocument, node: Node | undefined, what: string): number | undefined {
  const text = doc.text(node, what);
  if (text === undefined) return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  doc.problem(node, `${what} "${text}" is not understood`, 'write a whole number');
  return undefined;
}
