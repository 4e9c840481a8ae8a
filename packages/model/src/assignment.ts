import type { Pools } from './addresses.ts';
import type { NodeId, RevisionId, ServiceId, TaskId } from './ids.ts';
import type { ServiceNetworking } from './network.ts';
import type { EncryptionMode, TunnelKey } from './node.ts';
import type { ContainerSpec, PortSpec, ResolvedImage } from './service.ts';

/** What the tasks of one revision of a service have in common. */
export interface TaskCommon {
  readonly serviceId: ServiceId;
  readonly revisionId: RevisionId;
  readonly stack: string;
  readonly service: string;
  readonly container: ContainerSpec;
  readonly image: ResolvedImage;
  /** Ports of mode `host`, opened on this node to this task. */
  readonly hostPorts: readonly PortSpec[];
  /** Its service's networks; may change while it runs. */
  readonly networking: ServiceNetworking;
  /** It must never run twice: its host stops it by itself after so long without contact with the controller, ms. */
  readonly fenceAfterMs?: number;
}

/** All that an agent needs to run, keep or stop one task. */
export interface TaskAssignment extends TaskCommon {
  readonly taskId: TaskId;
  readonly slot: number;
  readonly desired: 'running' | 'shutdown';
}

/** Another host of the cluster, as the network needs it. */
export interface PeerAssignment {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly address: string;
  readonly subnet: string;
  /** Keys of its encrypted tunnel, newest first; absent: it has told none yet. */
  readonly keys?: readonly TunnelKey[];
  /** Clients that ask other hosts reach its tasks by those hosts' address: it cannot lead answers back. Absent: it can. */
  readonly sourceNat?: true;
}

/** How a host should speak with the others. */
export interface EncryptionAssignment {
  readonly mode: EncryptionMode;
  /** A host whose newest key is older makes a new one; 0: any will do. */
  readonly keyGeneration: number;
}

/** A service as every host's load balancing and names need it: only backends that are ready. */
export interface EndpointAssignment {
  readonly serviceId: ServiceId;
  readonly stack: string;
  readonly service: string;
  readonly vip: string;
  /** Ingress ports: published on every host. */
  readonly ports: readonly PortSpec[];
  readonly backends: readonly { readonly taskId: TaskId; readonly slot: number; readonly address: string }[];
  /** Addresses of its other tasks: starting, unhealthy or draining. They may ask others, and get no traffic. */
  readonly idle: readonly string[];
  /** Decides who may reach it (`sharedNetworks`), and by what names. */
  readonly networking: ServiceNetworking;
}

/** What one node should hold: its own addresses, its tasks, its neighbours, the services of the cluster. */
export interface NodeAssignments {
  /** Absent until `allocate` has given the node its subnet. */
  readonly subnet?: string;
  readonly pools: Pools;
  /** Absent: as it was before, also as it was before the agent started. */
  readonly encryption?: EncryptionAssignment;
  readonly tasks: ReadonlyMap<TaskId, TaskAssignment>;
  readonly peers: ReadonlyMap<NodeId, PeerAssignment>;
  readonly endpoints: ReadonlyMap<ServiceId, EndpointAssignment>;
}
