/** One host of a local cluster: a network namespace with an address of its own. */
export interface LocalHost {
  readonly name: string;
  readonly netns: string;
  readonly address: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly cgroupParent: string;
}

/** Names, addresses and directories of a cluster on this machine; everything it makes is named here. */
export interface Topology {
  readonly name: string;
  /** Namespace that holds the bridge: away from whatever firewall this machine has. */
  readonly switchNs: string;
  /** Our end of the link to the hosts. */
  readonly uplink: string;
  readonly prefix: string;
  /** This machine's address among the hosts: controller and NATS listen on it. */
  readonly gateway: string;
  /** Loopback address of etcd, so that two clusters do not share ports. */
  readonly etcdHost: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly hosts: readonly LocalHost[];
}

export const ports = { controller: 7443, etcd: 7379, etcdPeer: 7380, nats: 7422 } as const;

/** A topology of `count` hosts n1, n2 …; `net` (0–255) chooses 10.209.NET.0/24. */
export function topologyOf(name: string, count: number, net: number): Topology {
  const stateDir = `/var/lib/gantry-${name}`;
  const runDir = `/run/gantry-${name}`;
  return {
    name,
    switchNs: `gantry-${name}-switch`,
    uplink: `gantry${net}`,
    prefix: `10.209.${net}`,
    gateway: `10.209.${net}.1`,
    etcdHost: `127.209.${net}.1`,
    stateDir,
    runDir,
    hosts: Array.from({ length: count }, (_, index) => {
      const host = `n${index + 1}`;
      return {
        name: host,
        netns: `gantry-${name}-${host}`,
        address: `10.209.${net}.${11 + index}`,
        stateDir: `${stateDir}/${host}`,
        runDir: `${runDir}/${host}`,
        cgroupParent: `gantry-${name}-${host}`,
      };
    }),
  };
}

/** The `ip -batch` lines that make the namespaces and the links between them. */
export function linkCommands(topology: Topology): readonly string[] {
  const { switchNs, uplink, gateway } = topology;
  return [
    `netns add ${switchNs}`,
    `-n ${switchNs} link add br0 type bridge`,
    `-n ${switchNs} link set br0 up`,
    `link add ${uplink} type veth peer name up0 netns ${switchNs}`,
    `-n ${switchNs} link set up0 master br0 up`,
    `addr add ${gateway}/24 dev ${uplink}`,
    `link set ${uplink} up`,
    ...topology.hosts.flatMap((host) => hostLinkCommands(topology, host)),
  ].map((line) => `ip ${line}`);
}

function hostLinkCommands(topology: Topology, host: LocalHost): readonly string[] {
  return [
    `netns add ${host.netns}`,
    `-n ${host.netns} link set lo up`,
    `-n ${topology.switchNs} link add ${host.name} type veth peer name eth0 netns ${host.netns}`,
    `-n ${topology.switchNs} link set ${host.name} master br0 up`,
    `-n ${host.netns} addr add ${host.address}/24 dev eth0`,
    `-n ${host.netns} link set eth0 up`,
    `-n ${host.netns} route add default via ${topology.gateway}`,
  ];
}
