import type { EndpointAssignment } from '@gantry/model/assignment';
import type { Attachment } from '../network.ts';
import { buckets, table, type ElementName } from './ruleset.ts';

/** Elements of the table's maps and sets: per name, key → value (empty in a set). */
export type Elements = ReadonlyMap<ElementName, ReadonlyMap<string, string>>;

/** What should stand in the table for these services and the containers of this host. */
export function elementsOf(
  endpoints: readonly EndpointAssignment[],
  attachments: readonly Attachment[],
  seed: number,
): Elements {
  const elements = new Map<ElementName, Map<string, string>>();
  const put = (name: ElementName, key: string, value: string): void => {
    const map = elements.get(name) ?? new Map<string, string>();
    map.set(key, value);
    elements.set(name, map);
  };
  for (const endpoint of endpoints) putEndpoint(put, endpoint, seed);
  for (const attachment of attachments) putAttachment(put, attachment);
  return elements;
}

type Put = (name: ElementName, key: string, value: string) => void;

/** With more backends than buckets each host takes others of them, by its seed, so that all get their share. */
function putEndpoint(put: Put, { vip, ports, backends }: EndpointAssignment, seed: number): void {
  if (backends.length === 0) return;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const backend = backends[(bucket + seed * buckets) % backends.length];
    if (!backend) continue;
    put('vips', `${vip} . ${bucket}`, backend.address);
    for (const { protocol, published, target } of ports) {
      if (published > 0)
        put(`ingress_${protocol}`, `${published} . ${bucket}`, `${backend.address} . ${target}`);
    }
  }
}

function putAttachment(put: Put, { address, hostPorts }: Attachment): void {
  put('hairpin', `${address} . ${address}`, '');
  for (const { protocol, published, target } of hostPorts) {
    put(`host_${protocol}`, String(published), `${address} . ${target}`);
  }
}

/** The nft commands that lead from one set of elements to the other; nothing else of the table is touched. */
export function elementChanges(before: Elements, after: Elements): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  const [removals, additions]: [string[], string[]] = [[], []];
  for (const name of names) {
    const [old, wanted] = [before.get(name) ?? none, after.get(name) ?? none];
    const gone = [...old].filter(([key, value]) => wanted.get(key) !== value).map(([key]) => key);
    const fresh = [...wanted].filter(([key, value]) => old.get(key) !== value);
    removals.push(...inBatches(gone).map((keys) => `delete element ${table} ${name} { ${keys.join(', ')} }`));
    const words = fresh.map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
    additions.push(...inBatches(words).map((some) => `add element ${table} ${name} { ${some.join(', ')} }`));
  }
  return [...removals, ...additions];
}

const none: ReadonlyMap<string, string> = new Map();

/** A command line may be long, but not endless. */
function inBatches(items: readonly string[], size = 1_000): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
