import type { Node } from 'yaml';
import {
  defaultNetworking,
  type ExposedPort,
  type NetworkAttachment,
  type ServiceNetworking,
} from '@gantry/model/network';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument, Entry } from './document.ts';
import { defaultNetwork, type DeclaredNetworks } from './networks.ts';
import { suggestion } from './suggest.ts';
import { duration, texts, word } from './values.ts';

/** An exposed range names at most this many ports: every host keeps them. */
const maxExposed = 1_000;

/** How a service stands in the network: `networks`, `network_mode`, `expose`, `deploy.endpoint_mode`, `x-gantry`. */
export function readNetworking(
  doc: ComposeDocument,
  service: Entry,
  stack: string,
  declared: DeclaredNetworks,
): ServiceNetworking {
  const node = service.value;
  const extras = doc.get(node, 'x-gantry');
  checkKeys(doc, extras, 'x-gantry', 'x-gantry');
  const defaults = defaultNetworking(stack);
  const endpointMode = doc.get(node, 'deploy', 'endpoint_mode');
  return {
    networks: named(doc, node, readAttachments(doc, node, declared)),
    endpointMode:
      word(doc, endpointMode, 'endpoint_mode', ['vip', 'dnsrr'] as const) ?? defaults.endpointMode,
    affinity:
      word(doc, doc.get(extras, 'affinity'), 'affinity', ['none', 'client'] as const) ?? defaults.affinity,
    expose: readExpose(doc, doc.get(node, 'expose')),
    drainMs: duration(doc, doc.get(extras, 'drain'), 'drain') ?? defaults.drainMs,
  };
}

function readAttachments(
  doc: ComposeDocument,
  node: Node | undefined,
  declared: DeclaredNetworks,
): readonly NetworkAttachment[] {
  const networks = doc.get(node, 'networks');
  const mode = doc.get(node, 'network_mode');
  if (mode) {
    if (networks) doc.problem(mode, 'a service has network_mode or networks, not both');
    if (readMode(doc, mode) === 'none') return [];
  }
  if (doc.isList(networks)) {
    return doc.items(networks, 'networks').flatMap((item) => {
      const name = doc.text(item, 'a network');
      return name === undefined ? [] : attach(doc, declared, name, item, undefined);
    });
  }
  const entries = doc.entries(networks, 'networks');
  if (entries.length > 0)
    return entries.flatMap(({ key, keyNode, value }) => attach(doc, declared, key, keyNode, value));
  return attach(doc, declared, defaultNetwork, networks, undefined);
}

function attach(
  doc: ComposeDocument,
  declared: DeclaredNetworks,
  key: string,
  at: Node | undefined,
  options: Node | undefined,
): readonly NetworkAttachment[] {
  checkKeys(doc, options, 'service.networks', `network ${key}`);
  const network = declared.get(key);
  if (!network) {
    const meant = suggestion(key, [...declared.keys()], false);
    const hint =
      meant === undefined ? `add it to networks: at the end of the file` : `did you mean "${meant}"?`;
    doc.problem(at, `network "${key}" is not declared`, hint);
    return [];
  }
  const aliases = texts(doc, doc.get(options, 'aliases'), 'aliases').map((alias) => alias.toLowerCase());
  return [{ ...network, aliases: [...new Set(aliases)] }];
}

/** A container has its own network namespace, always; `none` is one that is on no network. */
function readMode(doc: ComposeDocument, node: Node): 'bridge' | 'none' | undefined {
  const mode = doc.text(node, 'network_mode');
  if (mode === 'none') return 'none';
  if (mode === 'bridge' || mode === 'default') {
    doc.notice(node, `network_mode ${mode}: the service is on the default network`);
    return 'bridge';
  }
  const instead =
    mode === 'host'
      ? 'leave it out and publish what it serves with ports:'
      : 'leave it out; containers that share a network reach each other by name';
  doc.problem(node, `network_mode ${mode ?? ''} is not supported`, instead);
  return undefined;
}

/** `container_name` and `hostname` are how many files call a service: they become names of it on each of its networks. */
function named(
  doc: ComposeDocument,
  node: Node | undefined,
  networks: readonly NetworkAttachment[],
): readonly NetworkAttachment[] {
  const name = doc.text(doc.get(node, 'container_name'), 'container_name')?.toLowerCase();
  if (name === undefined) return networks;
  return networks.map((network) => ({ ...network, aliases: [...new Set([...network.aliases, name])] }));
}

/** `expose` opens nothing: inside a network every port is open. It says what SRV answers name. */
function readExpose(doc: ComposeDocument, node: Node | undefined): readonly ExposedPort[] {
  return doc.items(node, 'expose').flatMap((item) => {
    const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/.exec(doc.text(item, 'a port') ?? '');
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match || last < first || last - first >= maxExposed || first < 1 || last > 65_535) {
      doc.problem(item, `"${doc.text(item, 'a port') ?? ''}" is not a port`, 'write e.g. "8080"');
      return [];
    }
    const protocol = match[3] === 'udp' ? 'udp' : 'tcp';
    return Array.from(
      { length: last - first + 1 },
      (_, index) => ({ port: first + index, protocol }) as const,
    );
  });
}
