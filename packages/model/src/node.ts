import type { NodeId } from './ids.ts';
import type { HeldVolumes } from './volume.ts';

/** What an agent says of its host when it registers. */
export interface NodeDescription {
  readonly hostname: string;
  /** Address other hosts reach it at: control answers and the tunnel's outer address. */
  readonly address: string;
  readonly os: string;
  readonly arch: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly agentVersion: string;
  readonly bootId: string;
  /** Countable things that tasks may reserve, as the operator named them: `{ gpu: 2 }`. Absent: none. */
  readonly devices?: Readonly<Record<string, number>>;
}

/** One of the keys of a host's encrypted tunnel; a new one comes before the old one goes. */
export interface TunnelKey {
  /** Grows by one with each key of the host, from 1. */
  readonly generation: number;
  /** WireGuard's, base64. */
  readonly publicKey: string;
}

/** How hosts speak with each other: a setting of the whole cluster. */
export type EncryptionMode = 'none' | 'wireguard';

/** What an agent says of its host's network. */
export interface NodeNetwork {
  /** Newest first. */
  readonly keys: readonly TunnelKey[];
  /** It sends nothing to other hosts but through the encrypted tunnel. */
  readonly encrypted: boolean;
  /** It cannot lead answers back to the host that a client asked: that one gives clients its own address. Absent: it can. */
  readonly sourceNat?: true;
  /** What does not work, in words; absent while all is well. */
  readonly problem?: string;
}

/**
 * `unknown`: registered before this controller led and not heard since; `ready`; `down`: silent for too long, its
 * tasks are replaced elsewhere.
 */
export type NodeState = 'unknown' | 'ready' | 'down';

export interface Node {
  readonly kind: 'node';
  readonly id: NodeId;
  readonly version: number;
  /** Unique in the cluster; the hostname unless the operator chose another. */
  readonly name: string;
  /** Written by `api`: `active` takes tasks, `pause` (cordon) takes no new ones, `drain` loses those it has. */
  readonly availability: 'active' | 'pause' | 'drain';
  readonly labels: Readonly<Record<string, string>>;
  /** Written by `dispatcher`. */
  readonly description: NodeDescription;
  /** When the agent's session ended or fell silent, ms since the epoch; absent while it is heard. Written by `dispatcher`. */
  readonly silentSince?: number;
  /**
   * It has surely not been heard for so long, ms, by the clock of the leader that waited; absent while it is heard. Written by
   * `dispatcher`, for tasks on it that must never run twice.
   */
  readonly unheardMs?: number;
  /** Why nothing new should be put on its disk, in the agent's words; absent while all is well. Written by `dispatcher`. */
  readonly pressure?: string;
  /** Named volumes on its disk; absent: none, or not told yet. Written by `dispatcher` when one came or went. */
  readonly volumes?: HeldVolumes;
  /** Written by `dispatcher`. */
  readonly network?: NodeNetwork;
  /** The key that the host's tunnel should have at least. Written by `api`; absent: any. */
  readonly keyGeneration?: number;
  /** Written by `node-health`. */
  readonly state: NodeState;
  readonly stateReason: string;
  /** Addresses for containers of this node, e.g. `10.210.3.0/24`; written by `allocate`. */
  readonly subnet?: string;
  readonly createdAt: number;
}
