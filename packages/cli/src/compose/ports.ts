import type { Node } from 'yaml';
import type { PortSpec } from '@gantry/model/service';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { whole, word } from './values.ts';

const protocols = ['tcp', 'udp'] as const;
/** A range opens at most this many ports: more is a typing error sooner than a wish. */
const maxRange = 1_000;

/** `ports:` in its short and long forms, each with the entry it was read from: a range is many ports of one entry. */
export function readPorts(
  doc: ComposeDocument,
  node: Node | undefined,
): readonly { readonly port: PortSpec; readonly node: Node }[] {
  return doc.items(node, 'ports').flatMap((item) => {
    const ports = doc.isMap(item) ? longPort(doc, item) : shortPort(doc, item);
    return ports.map((port) => ({ port, node: item }));
  });
}

/** `8080:80`, `8080-8082:80-82/udp`, `80`; with an address of the host before them it answers on that one only. */
function shortPort(doc: ComposeDocument, node: Node): readonly PortSpec[] {
  const text = doc.text(node, 'a port');
  if (text === undefined) return [];
  const match = /^(?:(?:(\[[^\]]*\]|[\d.]+):)?(\d*(?:-\d+)?):)?(\d+(?:-\d+)?)(?:\/(\w+))?$/.exec(text);
  if (!match) {
    doc.problem(node, `port "${text}" is not understood`, 'write HOST:CONTAINER, e.g. "8080:80", in quotes');
    return [];
  }
  const [, hostIp, hostRange = '', targetRange = '', protocol = 'tcp'] = match;
  const onAddress = hostAddress(doc, node, hostIp);
  if (!onAddress) return [];
  const known = protocols.find((one) => one === protocol);
  if (known === undefined) {
    doc.problem(node, `port "${text}": the protocol ${protocol} is not known`, 'use tcp or udp');
    return [];
  }
  return expand(doc, node, text, hostRange, targetRange, known, 'ingress').map((port) => ({
    ...port,
    ...onAddress,
  }));
}

function longPort(doc: ComposeDocument, node: Node): readonly PortSpec[] {
  checkKeys(doc, node, 'ports', 'a port');
  const hostIp = doc.get(node, 'host_ip');
  const onAddress = hostAddress(doc, hostIp ?? node, doc.text(hostIp, 'host_ip'));
  if (!onAddress) return [];
  const target = whole(doc, doc.get(node, 'target'), 'target');
  if (target === undefined) {
    doc.problem(node, 'a port needs a target, the port in the container');
    return [];
  }
  const published = doc.text(doc.get(node, 'published'), 'published') ?? '';
  if (!/^(\d+(-\d+)?)?$/.test(published)) {
    doc.problem(
      doc.get(node, 'published'),
      `published "${published}" is not a port`,
      'write e.g. published: 8080',
    );
    return [];
  }
  const protocol = word(doc, doc.get(node, 'protocol'), 'protocol', protocols) ?? 'tcp';
  const mode = word(doc, doc.get(node, 'mode'), 'mode', ['ingress', 'host'] as const) ?? 'ingress';
  return expand(doc, node, published, published, String(target), protocol, mode).map((port) => ({
    ...port,
    ...onAddress,
  }));
}

/** The one address of the hosts that a port answers on; none for all. A word that is none is a problem, and undefined. */
function hostAddress(
  doc: ComposeDocument,
  node: Node,
  address: string | undefined,
): Pick<PortSpec, 'hostIp'> | undefined {
  if (address === undefined || ['', '0.0.0.0', '::', '[::]'].includes(address)) return {};
  if (isIp(address)) return { hostIp: address };
  doc.problem(
    node,
    `"${address}" is not an IPv4 address of a host`,
    'write e.g. 127.0.0.1, or leave the address out: every address answers',
  );
  return undefined;
}

function isIp(address: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split('.').every((byte) => Number(byte) < 256);
}

function expand(
  doc: ComposeDocument,
  node: Node,
  text: string,
  hostRange: string,
  targetRange: string,
  protocol: PortSpec['protocol'],
  mode: PortSpec['mode'],
): readonly PortSpec[] {
  const targets = range(targetRange);
  const published = hostRange === '' ? targets.map(() => 0) : range(hostRange);
  if (targets.length === 0 || targets.length > maxRange || published.length !== targets.length) {
    doc.problem(node, `port "${text}": both ranges must have the same length, at most ${maxRange} ports`);
    return [];
  }
  return targets.map((target, index) => ({ target, published: published[index] ?? 0, protocol, mode }));
}

function range(text: string): readonly number[] {
  const [first = 0, last = first] = text.split('-').map(Number);
  return last < first
    ? []
    : Array.from({ length: Math.min(last - first + 1, maxRange + 1) }, (_, index) => first + index);
}
