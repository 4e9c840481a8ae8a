import { isAddress, type Problem } from './rules.ts';

/** What a container knows of names beside those of the cluster. What is absent is the default. */
export interface Naming {
  readonly domainname?: string;
  /** Lines for its /etc/hosts. `host-gateway` as address is the node. */
  readonly extraHosts?: readonly { readonly name: string; readonly address: string }[];
  /** Servers in place of the node's own; names of services are then not found. */
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
}

/** Stands for the node's own address in `extra_hosts`. */
export const hostGateway = 'host-gateway';

const dnsName = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/;

/** What is wrong with names of a container; paths as in a container's spec. */
export function namingProblems({ naming }: { readonly naming?: Naming }): readonly Problem[] {
  if (!naming) return [];
  const { domainname, extraHosts = [], dns = [], dnsSearch = [], dnsOptions = [] } = naming;
  const problems: Problem[] = [];
  const wrong = (path: string, message: string): void =>
    void problems.push({ path: `naming.${path}`, message });
  if (domainname !== undefined && (!dnsName.test(domainname) || domainname.length > 63))
    wrong('domainname', `"${domainname}" is not a domain name of at most 63 characters`);
  extraHosts.forEach(({ name, address }, index) => {
    if (!dnsName.test(name)) wrong(`extraHosts.${index}`, `"${name}" is not a host name`);
    else if (!isAddress(address) && !isIpv6(address) && address !== hostGateway)
      wrong(`extraHosts.${index}`, `"${address}" of ${name} is not an address, nor ${hostGateway}`);
  });
  dns.forEach((server, index) => {
    if (!isAddress(server) && !isIpv6(server)) wrong(`dns.${index}`, `"${server}" is not an address`);
  });
  dnsSearch.forEach((domain, index) => {
    if (domain !== '.' && !dnsName.test(domain)) wrong(`dnsSearch.${index}`, `"${domain}" is not a domain`);
  });
  dnsOptions.forEach((option, index) => {
    if (!/^[a-z0-9-]+(:\d+)?$/.test(option))
      wrong(`dnsOptions.${index}`, `"${option}" is not an option of resolv.conf`);
  });
  return problems;
}

function isIpv6(text: string): boolean {
  return /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text) && text.length <= 45;
}
