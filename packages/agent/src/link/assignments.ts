import { defaultPools } from '@gantry/model/addresses';
import type {
  EncryptionAssignment,
  NodeAssignments,
  PeerAssignment,
  TaskAssignment,
} from '@gantry/model/assignment';
import { Peer, type AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import { readEndpoints, type Endpoints, type ReadEndpoints } from './endpoints.ts';
import * as toModel from '@gantry/proto/to-model';

/** What a stream that has said nothing yet holds of services. */
const nothing: Endpoints = new Map();

/** Follows an assignments stream: a complete set, then numbered changes. */
export class AssignmentsBook {
  #sequence = 0;
  #subnet: string | undefined;
  #pools = defaultPools;
  #encryption: EncryptionAssignment | undefined;
  #tasks = new Map<string, TaskAssignment>();
  #peers = new Map<string, PeerAssignment>();
  #endpoints = nothing;
  readonly #readEndpoints: ReadEndpoints;

  constructor(read: ReadEndpoints = readEndpoints) {
    this.#readEndpoints = read;
  }

  /** The set after this message; undefined if one was missed, and the stream must be opened anew. */
  take(message: AssignmentsMessage): NodeAssignments | undefined {
    if (message.complete) this.#clear();
    else if (message.sequence !== this.#sequence + 1) return undefined;
    this.#sequence = message.sequence;
    if (message.subnet !== undefined) this.#subnet = message.subnet;
    if (message.pools) this.#pools = message.pools;
    if (message.encryption) this.#encryption = toModel.encryptionAssignment(message.encryption);
    // Other maps only if they hold others: what is made of one is then known to be the same.
    if (message.tasks.length + message.removedTasks.length > 0) {
      this.#tasks = new Map(this.#tasks);
      const tasks = message.tasks.map(toModel.taskAssignment);
      update(this.#tasks, tasks, ({ taskId }) => taskId, message.removedTasks);
    }
    if (message.peers.length + message.removedPeers.length > 0) {
      this.#peers = new Map(this.#peers);
      const peers = message.peers.map((bytes) => toModel.peer(Peer.decode(bytes)));
      update(this.#peers, peers, ({ nodeId }) => nodeId, message.removedPeers);
    }
    for (const round of message.endpointChanges)
      this.#endpoints = this.#readEndpoints(this.#endpoints, round);
    return {
      ...(this.#subnet !== undefined && { subnet: this.#subnet }),
      pools: this.#pools,
      ...(this.#encryption && { encryption: this.#encryption }),
      tasks: this.#tasks,
      peers: this.#peers,
      endpoints: this.#endpoints,
    };
  }

  #clear(): void {
    this.#subnet = undefined;
    this.#pools = defaultPools;
    this.#encryption = undefined;
    this.#tasks = new Map();
    this.#peers = new Map();
    this.#endpoints = nothing;
  }
}

function update<T>(
  map: Map<string, T>,
  put: readonly T[],
  keyOf: (item: T) => string,
  removed: readonly string[],
): void {
  for (const key of removed) map.delete(key);
  for (const item of put) map.set(keyOf(item), item);
}
