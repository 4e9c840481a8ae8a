import { parseCidr, toAddress, toNumber } from '@gantry/model/addresses';
import type { PeerAssignment } from '@gantry/model/assignment';

/** The tunnel's device, VXLAN network id and port (IANA's for VXLAN). */
export const tunnel = { device: 'gx', id: 4210, port: 4789 } as const;
/** What VXLAN adds to a packet: outer Ethernet, IPv4, UDP and its own header, bytes. */
export const tunnelOverhead = 50;
/** Every container's gateway, the same everywhere; answered by a permanent neighbour entry. */
export const gateway = '169.254.1.1';
/** MAC of the host's end of every container's link. */
export const gatewayMac = 'ee:ee:ee:ee:ee:ee';

/** The host's own address in a node's subnet: its first. */
export function tunnelAddress(subnet: string): string {
  return toAddress(parseCidr(subnet).first + 1);
}

/** A MAC that follows from the subnet (locally administered), so that no host needs to tell it. */
export function tunnelMac(subnet: string): string {
  const bytes = toAddress(parseCidr(subnet).first).split('.').slice(0, 3).map(Number);
  return ['02', '67', ...bytes.map((byte) => byte.toString(16).padStart(2, '0')), '01'].join(':');
}

/** `ip -batch` lines that make the tunnel of this host. */
export function tunnelCommands(subnet: string, address: string, mtu: number): readonly string[] {
  const { device, id, port } = tunnel;
  return [
    `link add ${device} mtu ${mtu} address ${tunnelMac(subnet)} type vxlan id ${id} dstport ${port} local ${address} nolearning`,
    `addr add ${tunnelAddress(subnet)}/32 dev ${device}`,
    `link set ${device} up`,
  ];
}

/** What must stand for one peer: a route, a permanent neighbour, a forwarding entry. */
export interface PeerCommands {
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
}

export function peerCommands({ subnet, address }: PeerAssignment): PeerCommands {
  const [via, mac, { device }] = [tunnelAddress(subnet), tunnelMac(subnet), tunnel];
  return {
    ip: [
      `neigh replace ${via} lladdr ${mac} dev ${device} nud permanent`,
      `route replace ${subnet} via ${via} dev ${device} onlink`,
    ],
    bridge: [`fdb replace ${mac} dev ${device} dst ${address}`],
  };
}

export function removePeerCommands({ subnet, address }: PeerAssignment): PeerCommands {
  const [via, mac, { device }] = [tunnelAddress(subnet), tunnelMac(subnet), tunnel];
  return {
    ip: [`route del ${subnet} dev ${device}`, `neigh del ${via} dev ${device}`],
    bridge: [`fdb del ${mac} dev ${device} dst ${address}`],
  };
}

/** Names of a container's namespace and of the host's end of its link. */
export function namesOf(containerId: string): { readonly netns: string; readonly link: string } {
  return { netns: `gt-${containerId}`, link: `gv${containerId}` };
}

/** `ip -batch` lines on the host's side: namespace, link, route to the one address. */
export function attachCommands(containerId: string, address: string, mtu: number): readonly string[] {
  const { netns, link } = namesOf(containerId);
  return [
    `netns add ${netns}`,
    `link add ${link} mtu ${mtu} address ${gatewayMac} type veth peer name eth0 mtu ${mtu} netns ${netns}`,
    `link set ${link} up`,
    `route replace ${address}/32 dev ${link} scope link`,
  ];
}

/** `ip -batch` lines inside the container's namespace. */
export function insideCommands(address: string): readonly string[] {
  return [
    'link set lo up',
    `addr replace ${address}/32 dev eth0`,
    'link set eth0 up',
    `route replace ${gateway} dev eth0 scope link`,
    `route replace default via ${gateway} dev eth0`,
    `neigh replace ${gateway} lladdr ${gatewayMac} dev eth0 nud permanent`,
  ];
}

/** Addresses that containers of a node may have: without the network's, the host's own, and the last. */
export function containerAddresses(subnet: string): readonly string[] {
  const { first, size } = parseCidr(subnet);
  return Array.from({ length: size - 3 }, (_, index) => toAddress(first + 2 + index));
}

/** A number of this node, for taking turns. */
export function seedOf(subnet: string): number {
  return Math.floor(toNumber(subnet.split('/')[0] ?? '0') / 256) % 256;
}
