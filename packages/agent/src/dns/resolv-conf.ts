import { isIPv4 } from 'node:net';

/** What a host's /etc/resolv.conf says of servers; IPv6 ones are left out while hosts speak IPv4 to each other. */
export function serversIn(text: string, without: readonly string[]): readonly string[] {
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, address]) => address ?? []);
  // Ourselves as our own resolver would be a circle.
  return [...new Set(servers)].filter((address) => isIPv4(address) && !without.includes(address)).slice(0, 3);
}
