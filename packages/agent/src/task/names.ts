import { hostGateway, type Naming } from '@gantry/model/naming';

/** What the names of a container follow from. */
export interface NamesInput {
  readonly hostname: string;
  readonly naming: Naming;
  /** The container's own. */
  readonly address: string;
  /** The node's, as the container reaches it. */
  readonly gateway: string;
  /** resolv.conf of a container that asks for nothing else. */
  readonly resolvers: string;
}

/** Text of /etc/hosts: the container itself, and what the service adds. */
export function hostsFile({ hostname, naming, address, gateway }: NamesInput): string {
  const { domainname, extraHosts = [] } = naming;
  const own = domainname === undefined ? hostname : `${hostname}.${domainname} ${hostname}`;
  const extra = extraHosts.map(({ name, address: at }) => `${at === hostGateway ? gateway : at} ${name}`);
  return ['127.0.0.1 localhost', '::1 localhost', `${address} ${own}`, ...extra, ''].join('\n');
}

/** Text of /etc/resolv.conf: what the service asks for stands in place of the node's own. */
export function resolvConf({ naming, resolvers }: NamesInput): string {
  const lines = resolvers.split('\n').map((line) => line.trim());
  const own = (word: string): readonly string[] => lines.filter((line) => line.startsWith(`${word} `));
  const { dns = [], dnsSearch = [], dnsOptions = [], domainname } = naming;
  const search = dnsSearch.length > 0 ? dnsSearch : domainname === undefined ? [] : [domainname];
  const text = [
    ...(dns.length > 0 ? dns.map((server) => `nameserver ${server}`) : own('nameserver')),
    // A lone dot asks for no search at all (Docker's rule).
    ...(search.length > 0
      ? search[0] === '.'
        ? []
        : [`search ${search.join(' ')}`]
      : [...own('search'), ...own('domain')]),
    ...(dnsOptions.length > 0 ? [`options ${dnsOptions.join(' ')}`] : own('options')),
  ];
  return [...text, ''].join('\n');
}
