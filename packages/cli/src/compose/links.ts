import { sharedNetworks, type NetworkAttachment } from '@gantry/model/network';
import type { ServiceSpec } from '@gantry/model/service';
import type { ComposeDocument, Entry } from './document.ts';

/**
 * `links: [db, "db:database"]`: the names of a service are known on its networks anyway; a further one becomes an alias
 * there, for all on that network, which is said.
 */
export function withLinks(
  doc: ComposeDocument,
  read: readonly { readonly entry: Entry; readonly spec: ServiceSpec }[],
): readonly ServiceSpec[] {
  const specs = new Map(read.map(({ spec }) => [spec.name, spec]));
  for (const { entry, spec } of read) {
    for (const item of doc.items(doc.get(entry.value, 'links'), 'links')) {
      const [name = '', alias = name] = (doc.text(item, 'a link') ?? '').split(':', 2);
      const target = specs.get(name);
      if (!target) doc.problem(item, `link "${name}": there is no such service in this file`);
      else if (sharedNames(spec, target).length === 0)
        doc.problem(item, `${spec.name} shares no network with ${name}`, 'put both on one under networks:');
      else if (alias !== name) {
        doc.notice(item, `link ${alias}: it is a name of ${name} for everything on their networks`);
        specs.set(name, withAlias(target, sharedNames(spec, target), alias.toLowerCase()));
      }
    }
  }
  return read.map(({ spec }) => specs.get(spec.name) ?? spec);
}

function sharedNames(a: ServiceSpec, b: ServiceSpec): readonly string[] {
  return a.networking && b.networking ? sharedNetworks(a.networking, b.networking) : [];
}

function withAlias(spec: ServiceSpec, on: readonly string[], alias: string): ServiceSpec {
  if (!spec.networking) return spec;
  const add = (network: NetworkAttachment): NetworkAttachment =>
    on.includes(network.name) && !network.aliases.includes(alias)
      ? { ...network, aliases: [...network.aliases, alias] }
      : network;
  return { ...spec, networking: { ...spec.networking, networks: spec.networking.networks.map(add) } };
}
