import type { Node } from 'yaml';
import type { Naming } from '@gantry/model/naming';
import type { ComposeDocument } from './document.ts';
import { defined, some, someOf } from './units.ts';
import { textOrTexts, texts } from './values.ts';

/** `domainname`, `extra_hosts`, `dns`, `dns_search`, `dns_opt`; undefined for none of them. */
export function readNaming(doc: ComposeDocument, node: Node | undefined): Naming | undefined {
  const get = (key: string): Node | undefined => doc.get(node, key);
  const naming: Naming = defined({
    domainname: doc.text(get('domainname'), 'domainname'),
    extraHosts: some(readExtraHosts(doc, get('extra_hosts'))),
    dns: some(textOrTexts(doc, get('dns'), 'dns')),
    dnsSearch: some(textOrTexts(doc, get('dns_search'), 'dns_search')),
    dnsOptions: some(texts(doc, get('dns_opt'), 'dns_opt')),
  });
  return someOf(naming);
}

type ExtraHost = NonNullable<Naming['extraHosts']>[number];

/** A map of name to address or addresses, or a list of `name:address` or `name=address`; IPv6 may stand in brackets. */
function readExtraHosts(doc: ComposeDocument, node: Node | undefined): readonly ExtraHost[] {
  if (doc.isMap(node)) {
    return doc.entries(node, 'extra_hosts').flatMap(({ key, value }) => {
      const addresses = textOrTexts(doc, value, key);
      return addresses.map((address) => ({ name: key, address: bare(address) }));
    });
  }
  return doc.items(node, 'extra_hosts').flatMap((item): readonly ExtraHost[] => {
    const text = doc.text(item, 'an entry of extra_hosts') ?? '';
    const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
    if (name !== undefined && address !== undefined) return [{ name, address: bare(address) }];
    doc.problem(item, `"${text}" is not understood`, 'write NAME:ADDRESS, e.g. "db:10.0.0.5"');
    return [];
  });
}

function bare(address: string): string {
  return address.replace(/^\[(.*)\]$/, '$1');
}
