import type { Node } from 'yaml';
import { networkName } from '@gantry/model/network';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument, Entry } from './document.ts';

/** A network as the file declares it. */
export interface DeclaredNetwork {
  /** Its name in the whole cluster. */
  readonly name: string;
  readonly internal: boolean;
}

export type DeclaredNetworks = ReadonlyMap<string, DeclaredNetwork>;

/** Networks that need no declaration: services that name none are on it. */
export const defaultNetwork = 'default';

/** `networks:` of the file; the default one is always there, declared or not. */
export function readNetworks(doc: ComposeDocument, stack: string): DeclaredNetworks {
  const declared = doc
    .entries(doc.get(doc.root, 'networks'), 'networks')
    .map((entry) => [entry.key, readNetwork(doc, entry, stack)] as const);
  const implicit = { name: networkName(stack, defaultNetwork), internal: false };
  return new Map([[defaultNetwork, implicit], ...declared]);
}

function readNetwork(doc: ComposeDocument, { key, value }: Entry, stack: string): DeclaredNetwork {
  checkKeys(doc, value, 'networks', `network ${key}`);
  checkDriver(doc, doc.get(value, 'driver'));
  if (doc.boolean(doc.get(value, 'enable_ipv6'), 'enable_ipv6'))
    doc.notice(doc.get(value, 'enable_ipv6'), 'enable_ipv6: containers have IPv4 addresses only');
  const { external, name } = readExternal(doc, value);
  const own = doc.text(doc.get(value, 'name'), 'name') ?? name;
  return {
    // What is shared is known by its own name; what is the stack's by the stack's name and its own.
    name: own ?? (external ? key : networkName(stack, key)),
    internal: doc.boolean(doc.get(value, 'internal'), 'internal') ?? false,
  };
}

/** `external: true`, or the old `external: {name: x}`. */
function readExternal(
  doc: ComposeDocument,
  node: Node | undefined,
): { readonly external: boolean; readonly name?: string } {
  const external = doc.get(node, 'external');
  if (!doc.isMap(external)) return { external: doc.boolean(external, 'external') ?? false };
  const name = doc.text(doc.get(external, 'name'), 'name');
  return { external: true, ...(name !== undefined && { name }) };
}

function checkDriver(doc: ComposeDocument, node: Node | undefined): void {
  const driver = doc.text(node, 'driver');
  if (driver === undefined || driver === 'overlay') return;
  if (driver === 'bridge' || driver === 'default')
    doc.notice(node, `driver ${driver}: not used; every network reaches over all hosts`);
  else
    doc.problem(
      node,
      `driver ${driver} is not supported`,
      'leave it out; every network reaches over all hosts',
    );
}
