/** What the ruleset needs to know of the cluster's address plan. */
export interface RulesetConfig {
  /** All containers of all hosts, e.g. `10.210.0.0/16`. */
  readonly containerPool: string;
  /** All virtual addresses, e.g. `10.211.0.0/16`. */
  readonly vipPool: string;
}

/** Our table; in the node's own network namespace. */
export const table = 'inet gantry';

/** Buckets that a new connection is thrown into; each leads to one backend. Constant cost at any number of services. */
export const buckets = 16;

/** The maps and sets of the table, with their types; their elements are changed one by one (`elements.ts`). */
const containers = {
  vips: 'map vips { type ipv4_addr . mark : ipv4_addr; }',
  ingress_tcp: 'map ingress_tcp { type inet_service . mark : ipv4_addr . inet_service; }',
  ingress_udp: 'map ingress_udp { type inet_service . mark : ipv4_addr . inet_service; }',
  host_tcp: 'map host_tcp { type inet_service : ipv4_addr . inet_service; }',
  host_udp: 'map host_udp { type inet_service : ipv4_addr . inet_service; }',
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr; }',
} as const;

export type ElementName = keyof typeof containers;

/**
 * The table without elements, replacing whatever stands under its name, in one transaction.
 *
 * A connection to a virtual address or published port is thrown into a bucket (mark) and sent to the backend there.
 * What still goes to a virtual address afterwards has no backend, and is refused at once. Source addresses are kept, but
 * where the answer would not come back: to other hosts (`gx`), to itself (hairpin), to the outside world.
 */
export function ruleset({ containerPool, vipPool }: RulesetConfig): string {
  return `table ${table}
delete table ${table}
table ${table} {
  ${Object.values(containers).join('\n  ')}
  chain balance {
    ip daddr ${vipPool} meta mark set numgen random mod ${buckets} dnat ip to ip daddr . meta mark map @vips
    fib daddr type != local return
    ip daddr 127.0.0.0/8 return
    dnat ip to tcp dport map @host_tcp
    dnat ip to udp dport map @host_udp
    meta mark set numgen random mod ${buckets}
    dnat ip to tcp dport . meta mark map @ingress_tcp
    dnat ip to udp dport . meta mark map @ingress_udp
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump balance
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump balance
  }
  chain refuse {
    ip daddr ${vipPool} meta l4proto tcp reject with tcp reset
    ip daddr ${vipPool} reject with icmp port-unreachable
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    jump refuse
  }
  chain out {
    type filter hook output priority filter; policy accept;
    jump refuse
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr . ip daddr @hairpin masquerade
    ip saddr ${containerPool} ip daddr != ${containerPool} masquerade
    ip saddr != ${containerPool} oifname "gx" masquerade
  }
}
`;
}
