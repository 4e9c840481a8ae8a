import { parseCidr, type Pools } from '@gantry/model/addresses';
import { gateway, marks, tunnel, tunnelAddress, underlayPrefix } from './address-plan.ts';
import { slotChains } from './slots.ts';

/** What the fixed part of a host's ruleset follows from. */
export interface RulesetConfig extends Pools {
  readonly subnet: string;
  /** Nothing goes to other hosts, or is taken from them, but by the encrypted underlay. */
  readonly encrypted: boolean;
}

/** Our table; in the node's own network namespace. */
export const table = 'inet gantry';

/** The maps and sets of the table, with their types; their elements are changed one by one (`elements.ts`). */
const containers = {
  /** Virtual address → how many slots it has; address and slot → container. */
  vip_size: 'map vip_size { type ipv4_addr : mark; }',
  vip_slot: 'map vip_slot { type ipv4_addr . mark : ipv4_addr; }',
  /** The same for published ports: on every address of the host, or on one. */
  port_size: 'map port_size { type inet_proto . inet_service : mark; }',
  port_slot: 'map port_slot { type inet_proto . inet_service . mark : ipv4_addr . inet_service; }',
  bound_size: 'map bound_size { type ipv4_addr . inet_proto . inet_service : mark; }',
  bound_slot:
    'map bound_slot { type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }',
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr; }',
  /** Containers of this host: the one link that each address may come from. */
  own: 'set own { type ipv4_addr . ifname; }',
  /** Containers of this host without a way to the outside. */
  inward: 'set inward { type ipv4_addr; }',
  /** Container of this host → the chain of its networks, for what it asks and for what it hears. */
  ask: 'map ask { type ipv4_addr : verdict; }',
  hear: 'map hear { type ipv4_addr : verdict; }',
  peer_mark: 'map peer_mark { type ether_addr : mark; }',
  peer_zone: 'map peer_zone { typeof ether saddr : ct zone; }',
  /** Peers: outer address and the first 24 bits of their subnet; and their addresses in the network. */
  peer_outer: 'set peer_outer { typeof ip saddr . @th,192,24; }',
  peer_host: 'set peer_host { type ipv4_addr; }',
  /** Subnets of peers that cannot lead answers back to this host. */
  peer_nat: 'set peer_nat { type ipv4_addr; flags interval; }',
  /** Addresses of hosts and controllers: closed to containers, but for published ports. */
  guarded: 'set guarded { type ipv4_addr; }',
} as const;

/** The table without elements, replacing whatever stands under its name, in one transaction with what follows. */
export function ruleset(config: RulesetConfig): string {
  const chains = [
    ...slotChains(),
    ...arrival(config),
    ...balancing(config),
    ...tunnelling(config),
    ...filtering(config),
    ...sources(config),
  ];
  return [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...Object.values(containers).map((text) => `  ${text}`),
    ...chains.map((text) => `  ${text}`),
    '}',
    '',
  ].join('\n');
}

function chain(name: string, ...lines: readonly string[]): string {
  return [`chain ${name} {`, ...lines.map((line) => `    ${line}`), '  }'].join('\n');
}

function hook(name: string, where: string, ...lines: readonly string[]): string {
  return chain(name, `type ${where}; policy accept;`, ...lines);
}

/**
 * Before anything is decided: lies are dropped, and what a client asked at another host is told apart by the MAC of that
 * host's tunnel. Its mark leads the answers back. Its zone keeps two connections of one client apart that came in by two
 * hosts with one source port; if they meet at one container, the second gets another source port, by postrouting's NAT.
 */
function arrival({ containerPool, subnet, encrypted }: RulesetConfig): readonly string[] {
  const { device } = tunnel;
  const isPeer = `ct mark & ${hex(marks.mask)} == ${hex(marks.peer)}`;
  const ours = `"${device}", "lo"`;
  const isSlot = `meta mark & ${hex(marks.mask)} == ${hex(marks.slot)}`;
  return [
    hook('zones', 'filter hook prerouting priority raw',
      `iifname "${device}" ip saddr != ${containerPool} ct original zone set ether saddr map @peer_zone`),
    chain('from_link',
      'meta nfproto ipv6 drop',
      'ip saddr . iifname != @own drop',
      `ct direction reply ${isPeer} meta mark set ct mark`),
    hook('arrival', 'filter hook prerouting priority mangle',
      'iifname "gv*" jump from_link',
      `iifname "${device}" ip saddr ${subnet} drop`,
      `iifname "${device}" ct state new ip saddr != ${containerPool} ct mark set ether saddr map @peer_mark`,
      `iifname != { ${ours} } iifname != "gv*" ${encrypted ? `iifname != ${underlay} ` : ''}ip saddr ${containerPool} drop`,
      'iifname != "lo" ip daddr 127.0.0.0/8 drop'),
    hook('forget', 'filter hook prerouting priority -99', `${isSlot} meta mark set 0`),
    hook('forget_own', 'filter hook output priority -99', `${isSlot} meta mark set 0`),
  ]; // prettier-ignore
}

/** A new connection to a virtual address or published port is thrown into a slot and sent to the container there. */
function balancing({ vipPool }: RulesetConfig): readonly string[] {
  const port = 'meta l4proto . th dport';
  return [
    chain('to_vip',
      'meta mark set ip daddr map @vip_size jump slot',
      'dnat ip to ip daddr . meta mark map @vip_slot'),
    chain('to_port',
      `meta mark set ip daddr . ${port} map @bound_size jump slot`,
      `dnat ip to ip daddr . ${port} . meta mark map @bound_slot`,
      `meta mark set ${port} map @port_size jump slot`,
      `dnat ip to ${port} . meta mark map @port_slot`),
    chain('balance',
      `ip daddr ${vipPool} goto to_vip`,
      `ip daddr ${gateway} return`, // the name server's, whoever publishes port 53
      'fib daddr type local meta l4proto { tcp, udp } goto to_port'),
    hook('prerouting', 'nat hook prerouting priority dstnat', 'jump balance'),
    hook('output', 'nat hook output priority -100', 'jump balance'),
  ]; // prettier-ignore
}

/**
 * Between hosts. Taken is what a peer sends from its own outer address, in a frame with its own MAC, from an address of its
 * own subnet or of no container at all (a client that asked a published port there): a host cannot speak for another. (The
 * numbers are bits from the start of UDP's header: inner type, source MAC without its first two bytes, source address.) The
 * addresses of containers leave by our links only: no other route is a way for them. In an encrypted cluster the tunnel is
 * neither heard nor heard of outside of the encrypted underlay, and that carries nothing else.
 */
function tunnelling({ containerPool, encrypted }: RulesetConfig): readonly string[] {
  const { device, port } = tunnel;
  const { first, size } = parseCidr(containerPool);
  const length = 32 - Math.log2(size);
  const inPool = `@th,336,${length} 0x${Math.floor(first / size).toString(16)}`;
  return [
    chain('from_peer',
      ...(encrypted ? [`iifname != ${underlay} drop`] : []),
      '@th,224,16 != 0x0800 drop',
      'ip saddr . @th,192,24 != @peer_outer drop',
      `${inPool} ip saddr . @th,336,24 != @peer_outer drop`),
    chain('way_out',
      ...(encrypted ? [`oifname ${underlay} udp dport ${port} return`, `oifname ${underlay} drop`, `udp dport ${port} drop`] : []),
      `ip daddr ${containerPool} oifname != "${device}" oifname != "gv*" oifname != "lo" drop`),
  ]; // prettier-ignore
}

/**
 * Who may open a connection. A container reaches those on a network with it, the host's name server, ports that are
 * published, and the outside unless its networks are internal. Checked where it asks, which knows it from its first
 * packet on and can say no at once; and where it is heard, which need not believe the other host.
 */
function filtering(config: RulesetConfig): readonly string[] {
  const { containerPool, vipPool, subnet, encrypted } = config;
  const { device, port } = tunnel;
  const published = `ct status dnat ct original ip daddr != ${vipPool}`;
  const refused = [`ip daddr ${vipPool} goto refuse`, `oifname "${device}" ip daddr ${subnet} goto refuse`];
  return [
    chain('refuse', 'meta l4proto tcp reject with tcp reset', 'reject with icmpx port-unreachable'),
    chain('deny', 'meta l4proto tcp reject with tcp reset', 'reject with icmpx admin-prohibited'),
    chain('from_container',
      `${published} ip saddr @inward goto deny`,
      `${published} accept`,
      `ip daddr ${containerPool} ip saddr vmap @ask`,
      `ip daddr ${containerPool} goto deny`,
      'ip saddr @inward goto deny',
      'ip daddr 169.254.0.0/16 goto deny',
      // Other hosts, but for what is published on every host.
      'ip daddr @guarded meta mark set meta l4proto . th dport map @port_size meta mark set 0 accept',
      'ip daddr @guarded goto deny'),
    chain('to_container',
      `iifname "${device}" ip saddr != ${containerPool} accept`,
      'ip saddr @peer_host accept',
      `iifname "${device}" ip daddr vmap @hear`,
      'ct status dnat accept',
      'drop'),
    hook('forward', 'filter hook forward priority filter',
      ...(encrypted ? [`iifname ${underlay} drop`, `oifname ${underlay} drop`] : []),
      'tcp flags syn / syn,rst tcp option maxseg size set rt mtu',
      ...refused,
      `ip daddr ${containerPool} jump way_out`,
      'ct state established,related accept',
      'iifname "gv*" jump from_container',
      'oifname "gv*" jump to_container'),
    hook('input', 'filter hook input priority filter',
      ...(encrypted ? [`iifname ${underlay} udp dport != ${port} drop`, `iifname ${underlay} meta l4proto != udp drop`] : []),
      `udp dport ${port} jump from_peer`,
      `iifname "${device}" ct state new ip saddr ${containerPool} ip saddr != @peer_host drop`,
      'iifname != "gv*" accept',
      'ct state established,related accept',
      'icmp type echo-request accept',
      `ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 accept`,
      'goto deny'),
    hook('out', 'filter hook output priority filter',
      ...refused,
      ...(encrypted ? ['jump way_out'] : [`ip daddr ${containerPool} jump way_out`])),
  ]; // prettier-ignore
}

/** Source addresses stay, but where an answer would not find its way back through this host. */
function sources({ containerPool, vipPool, subnet }: RulesetConfig): readonly string[] {
  const [{ device }, own] = [tunnel, tunnelAddress(subnet)];
  return [
    hook('postrouting', 'nat hook postrouting priority srcnat',
      `ip saddr . ip daddr @hairpin snat ip to ${own}`,
      `ip saddr 127.0.0.0/8 oifname != "lo" snat ip to ${own}`,
      // A container that asks a published port does so as its host: networks do not matter there.
      `ip saddr ${containerPool} oifname "${device}" ct status dnat ct original ip daddr != ${vipPool} snat ip to ${own}`,
      `oifname "${device}" ip saddr != ${containerPool} ip daddr @peer_nat snat ip to ${own}`,
      `ip saddr ${containerPool} ip daddr != ${containerPool} masquerade`),
  ]; // prettier-ignore
}

/** Every link of the encrypted underlay. */
const underlay = `"${underlayPrefix}*"`;

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
