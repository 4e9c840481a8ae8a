import { gateway, gatewayMac, namesOf, tunnel, tunnelAddress, tunnelMac } from './address-plan.ts';

/** How the tunnel of a host should be. */
export interface TunnelWish {
  readonly subnet: string;
  /** Outer source address. */
  readonly local: string;
  /** The only link that its packets leave by: the encrypted underlay's. Absent: the one that the routes say. */
  readonly lower?: string;
  readonly mtu: number;
}

/** `ip -batch` lines that make the tunnel of this host. */
export function tunnelCommands(wish: TunnelWish): readonly string[] {
  const { subnet, mtu } = wish;
  const { device } = tunnel;
  return [
    `link add ${device} mtu ${mtu} address ${tunnelMac(subnet)} type vxlan ${outer(wish)} dstport ${tunnel.port} nolearning`,
    `addr add ${tunnelAddress(subnet)}/32 dev ${device}`,
    `link set ${device} up`,
  ];
}

/** Lines that move a tunnel from one encrypted link to another: what stands on it stays, and no packet is lost. */
export function moveTunnelCommands(wish: TunnelWish): readonly string[] {
  return [`link set ${tunnel.device} type vxlan ${outer(wish)}`];
}

function outer({ local, lower }: TunnelWish): string {
  const words = `id ${tunnel.id} local ${local}`;
  return lower === undefined ? words : `${words} dev ${lower}`;
}

/** `ip -batch` lines on the host's side: namespace, link, route to the one address. */
export function attachCommands(containerId: string, address: string, mtu: number): readonly string[] {
  return [`netns add ${namesOf(containerId).netns}`, ...linkCommands(containerId, address, mtu)];
}

/** The link and route alone, for a container that lost them and has its namespace still. */
export function linkCommands(containerId: string, address: string, mtu: number): readonly string[] {
  const { netns, link } = namesOf(containerId);
  return [
    `link add ${link} mtu ${mtu} address ${gatewayMac} type veth peer name eth0 mtu ${mtu} netns ${netns}`,
    `link set ${link} up`,
    `route replace ${address}/32 dev ${link} scope link`,
  ];
}

/** Lines for both ends of a container's link, for packets to be of another length: the host's end, and inside. */
export function mtuCommands(containerId: string, mtu: number): readonly [host: string, inside: string] {
  return [`link set ${namesOf(containerId).link} mtu ${mtu}`, `link set eth0 mtu ${mtu}`];
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
