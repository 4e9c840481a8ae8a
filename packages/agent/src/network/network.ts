import type { Pools } from '@gantry/model/addresses';
import type { EncryptionAssignment, EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import type { Bandwidth } from '@gantry/model/limits';
import type { ServiceNetworking } from '@gantry/model/network';
import type { NodeNetwork } from '@gantry/model/node';
import type { PortSpec } from '@gantry/model/service';

/** What this host's network should look like. */
export interface NetworkState {
  /** This node's own pool, e.g. `10.210.3.0/24`. */
  readonly subnet: string;
  readonly pools: Pools;
  /** This host's address among the hosts. */
  readonly address: string;
  /** Absent: in plain. */
  readonly encryption?: EncryptionAssignment;
  readonly peers: readonly PeerAssignment[];
  readonly endpoints: readonly EndpointAssignment[];
  /** The tasks of this host, by their ids. */
  readonly tasks: readonly TaskNetworking[];
}

/** What one task of this host is on, and whose names it means by a short one. */
export interface TaskNetworking {
  readonly taskId: string;
  readonly stack: string;
  readonly service: string;
  readonly slot: number;
  readonly networking: ServiceNetworking;
}

/** A container's place in the network. */
export interface Attachment {
  readonly containerId: string;
  readonly address: string;
  /** Path of its network namespace. */
  readonly netns: string;
  /** Host-mode ports that lead to it. */
  readonly hostPorts: readonly PortSpec[];
}

/**
 * The host's share of the cluster network: routed, an address per container, tunnels to the other hosts, load balancing
 * by nftables. Implementations: the kernel (`kernel/`) and one in memory (`fake.ts`).
 */
export interface Network {
  /** Brings links, routes and rules to the given state; cheap when nothing changed. */
  configure(state: NetworkState): Promise<void>;
  /**
   * Gives the container a namespace and an address; idempotent, the same address again after a restart of the agent.
   * Throws `exhausted` when the pool is empty, `port_taken` for a host port in use. Its link and rules follow: see `settled`.
   */
  attach(containerId: string, hostPorts: readonly PortSpec[]): Promise<Attachment>;
  /** Limits what an attached container sends and receives; undefined: not at all. Throws in words if this host cannot. */
  limit(containerId: string, bandwidth: Bandwidth | undefined): Promise<void>;
  /**
   * Resolves once link and rules of an attached container stand: nothing may run in it before. Throws if they cannot be made; then
   * its namespace may be made anew by the next `attach`.
   */
  settled(containerId: string): Promise<void>;
  /** Removes every trace of the container; idempotent. */
  detach(containerId: string): Promise<void>;
  attached(): Promise<readonly Attachment[]>;
  /** What the controller should know of this host's network; costs nothing. */
  report(): NodeNetwork;
  /** Removes everything of ours from this host's network (leave, end of a test cluster). */
  teardown(): Promise<void>;
  close(): Promise<void>;
}
