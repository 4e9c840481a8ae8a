import { gateway, gatewayMac, namesOf, tunnel, tunnelAddress, tunnelMac } from './address-plan.ts';

/** `ip -batch` lines that make the tunnel of this host; `local` is the outer source address. */
export function tunnelCommands(subnet: string, local: string, mtu: number): readonly string[] {
  const { device, id, port } = tunnel;
  return [
    `link add ${device} mtu ${mtu} address ${tunnelMac(subnet)} type vxlan id ${id} dstport ${port} local ${local} nolearning`,
    `addr add ${tunnelAddress(subnet)}/32 dev ${device}`,
    `link set ${device} up`,
  ];
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
