import { defaultPools } from '@gantry/model/addresses';
import type {
  EncryptionAssignment,
  NodeAssignments,
  PeerAssignment,
  TaskAssignment,
} from '@gantry/model/assignment';
import type { AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import * as toModel from '@gantry/proto/to-model';
import { nothing, readRound, type Common, type ReadRound } from './rounds.ts';

/** Follows an assignments stream: a complete set, then numbered changes. */
export class AssignmentsBook {
  #sequence = 0;
  #subnet: string | undefined;
  #pools = defaultPools;
  #encryption: EncryptionAssignment | undefined;
  #tasks = new Map<string, TaskAssignment>();
  #common = nothing;
  /** All hosts but this one, made of what all are told. */
  #peers: { readonly of: Common['peers']; readonly others: ReadonlyMap<string, PeerAssignment> } | undefined;
  readonly #nodeId: string;
  readonly #readRound: ReadRound;

  constructor(nodeId: string, read: ReadRound = readRound) {
    this.#nodeId = nodeId;
    this.#readRound = read;
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
      for (const id of message.removedTasks) this.#tasks.delete(id);
      for (const task of message.tasks) this.#tasks.set(task.taskId, toModel.taskAssignment(task));
    }
    for (const round of message.rounds) this.#common = this.#readRound(this.#common, round);
    return {
      ...(this.#subnet !== undefined && { subnet: this.#subnet }),
      pools: this.#pools,
      ...(this.#encryption && { encryption: this.#encryption }),
      tasks: this.#tasks,
      peers: this.#others(),
      endpoints: this.#common.endpoints,
    };
  }

  #clear(): void {
    this.#subnet = undefined;
    this.#pools = defaultPools;
    this.#encryption = undefined;
    this.#tasks = new Map();
    this.#common = nothing;
  }

  #others(): ReadonlyMap<string, PeerAssignment> {
    const { peers } = this.#common;
    if (this.#peers?.of === peers) return this.#peers.others;
    const others = new Map(peers);
    others.delete(this.#nodeId);
    this.#peers = { of: peers, others };
    return others;
  }
}
