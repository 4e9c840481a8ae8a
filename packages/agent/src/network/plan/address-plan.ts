import { parseCidr, toAddress } from '@gantry/model/addresses';

/** The tunnel's device, VXLAN network id and port (IANA's for VXLAN). */
export const tunnel = { device: 'gx', id: 4210, port: 4789 } as const;
/** Links of the encrypted underlay begin so; each is named after its key (`wireguard.ts`). */
export const underlayPrefix = 'gw';
/** What WireGuard adds to a packet at most: IPv6, UDP and its own header and tag, bytes. */
export const underlayOverhead = 80;
/** What VXLAN adds to a packet: outer Ethernet, IPv4, UDP and its own header, bytes. */
export const tunnelOverhead = 50;
/** Every container's gateway, the same everywhere; answered by a permanent neighbour entry. */
export const gateway = '169.254.1.1';
/** MAC of the host's end of every container's link. */
export const gatewayMac = 'ee:ee:ee:ee:ee:ee';

/**
 * Marks of ours, told from others' by their upper 12 bits: the host that a connection came in by (`peer`, lower bits its
 * number), and the slot that a new connection was thrown into (`slot`; gone before the packet is routed).
 */
export const marks = { mask: 0xfff0_0000, peer: 0x6710_0000, slot: 0x67b0_0000 } as const;

/** The host's own address in a node's subnet: its first. */
export function tunnelAddress(subnet: string): string {
  return toAddress(parseCidr(subnet).first + 1);
}

/**
 * The tunnel's outer address of a host inside the encrypted underlay, for a key of this generation: one of the last two of
 * its subnet in turn, so that two keys have two addresses while one takes over from the other.
 */
export function underlayAddress(subnet: string, generation: number): string {
  const { first, size } = parseCidr(subnet);
  return toAddress(first + size - 1 - (generation % 2));
}

/** A MAC that follows from the subnet (locally administered), so that no host needs to tell it. */
export function tunnelMac(subnet: string): string {
  const bytes = toAddress(parseCidr(subnet).first).split('.').slice(0, 3).map(Number);
  return ['02', '67', ...bytes.map((byte) => byte.toString(16).padStart(2, '0')), '01'].join(':');
}

/** A node's number: which `/24` of its `/8` it has, whatever the pool. 1 to 65,535: the first of a pool is no node's. */
export function numberOf(subnet: string): number {
  return (parseCidr(subnet).first / 256) % 65_536;
}

/** Addresses that containers of a node may have: without the network's, the host's own, and the underlay's two. */
export function containerAddresses(subnet: string): readonly string[] {
  const { first, size } = parseCidr(subnet);
  return Array.from({ length: size - 4 }, (_, index) => toAddress(first + 2 + index));
}

/** What of the host's network is one container's, by name. */
export interface ContainerNames {
  readonly netns: string;
  /** The host's end of its link. */
  readonly link: string;
  /** What it sends waits at this device, if that is limited. */
  readonly shaper: string;
}

export function namesOf(containerId: string): ContainerNames {
  return { netns: `gt-${containerId}`, link: `gv${containerId}`, shaper: `gi${containerId}` };
}
