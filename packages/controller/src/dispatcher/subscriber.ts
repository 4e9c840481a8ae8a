import type { Clock } from '@gantry/kit/clock';
import type { Pools } from '@gantry/model/addresses';
import type { TaskAssignment } from '@gantry/model/assignment';
import type { NodeId } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import type { AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import type { View } from '../store/store.ts';
import type { EndpointRounds } from './endpoint-rounds.ts';
import { desiredOnNode, encryptionAssignment } from './assignments.ts';
import type { PeerForms } from './peer-forms.ts';
import type { TaskForms } from './task-forms.ts';

/** Where messages for one node go; `write` answers false when it is full, `onDrain` hears when it is not. */
export interface Outlet {
  /** Ends the node's stream; it will ask again for everything. */
  end(): void;
  write(message: AssignmentsMessage): boolean;
  onDrain(listener: () => void): void;
}

/** What a subscriber asks of the feed. */
export interface SubscriberDeps {
  readonly nodeId: NodeId;
  readonly outlet: Outlet;
  /** True while no other controller can lead. */
  readonly leads: () => boolean;
  /** The cluster's addresses. */
  readonly pools: Pools;
  readonly forms: Pick<TaskForms, 'of'>;
  readonly peers: Pick<PeerForms, 'of'>;
  readonly view: View;
  readonly soon: Clock['soon'];
  /** The services of the cluster; a message contains all rounds up to the last. */
  readonly endpoints: Pick<EndpointRounds, 'round' | 'complete' | 'since'>;
  /** True if somebody waits for this node to say that it has applied what it is sent. */
  readonly awaited: () => boolean;
  /** True while the order to stop this task is held back. */
  readonly held: (taskId: string) => boolean;
}

type Kind = 'task' | 'peer';

interface SentTask {
  readonly desired: TaskAssignment['desired'];
  readonly common: Buffer;
}

/** One node's stream: what it was sent, and what it has to hear of. */
export class Subscriber {
  readonly #deps: SubscriberDeps;
  /** What was sent of each task, and the peers that were sent. */
  readonly #sent = { task: new Map<string, SentTask>(), peer: new Set<string>() };
  readonly #dirty: Readonly<Record<Kind, Set<string>>> = {
    task: new Set(),
    peer: new Set(),
  };
  /** The last round of endpoints that was sent. */
  #round = 0;
  #subnet: string | undefined;
  #encryption = '';
  #sequence = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;
  /** The next message says everything. */
  #complete = false;

  /** Sequences that the node was asked to acknowledge, each with the round it contains. */
  #asked: { readonly sequence: number; readonly round: number }[] = [];

  constructor(deps: SubscriberDeps) {
    this.#deps = deps;
    deps.outlet.onDrain(() => {
      this.#blocked = false;
      this.#schedule();
    });
  }

  sendComplete(): void {
    for (const { id } of this.#deps.view.tasksOnNode(this.#deps.nodeId)) this.#dirty.task.add(id);
    for (const { id } of this.#deps.view.all('node')) this.#dirty.peer.add(id);
    this.#complete = true;
    this.#schedule();
  }

  touch(kind: Kind, id: string): void {
    this.#dirty[kind].add(id);
    this.#schedule();
  }

  /** A new round of endpoints is there. */
  nudge(): void {
    this.#schedule();
  }

  /** The node has applied everything up to this sequence; answers with the newest round in it, if one was asked for. */
  applied(sequence: number): number | undefined {
    const done = this.#asked.filter((asked) => asked.sequence <= sequence);
    this.#asked = this.#asked.filter((asked) => asked.sequence > sequence);
    return done.at(-1)?.round;
  }

  close(): void {
    this.#closed = true;
  }

  /** Changes of one turn of the event loop go together; while the wire is full they pile up as keys, not as messages. */
  #schedule(): void {
    if (this.#scheduled || this.#blocked || this.#closed) return;
    this.#scheduled = true;
    this.#deps.soon(() => {
      this.#scheduled = false;
      if (this.#closed) return;
      if (this.#deps.leads()) this.#flush();
      else this.#deps.outlet.end();
    });
  }

  #flush(): void {
    const complete = this.#complete;
    this.#complete = false;
    const message: AssignmentsMessage = {
      sequence: this.#sequence + 1,
      complete,
      subnet: undefined,
      pools: complete ? this.#deps.pools : undefined,
      encryption: undefined,
      tasks: [],
      peers: [],
      removedTasks: [],
      removedPeers: [],
      acknowledge: this.#deps.awaited(),
      endpointChanges: this.#endpointChanges(complete),
    };
    for (const id of this.#dirty.task) this.#addTask(message, id);
    for (const id of this.#dirty.peer) this.#addPeer(message, id);
    for (const keys of Object.values(this.#dirty)) keys.clear();
    if (!complete && !message.acknowledge && isEmpty(message)) return;
    this.#sequence++;
    if (message.acknowledge) this.#asked.push({ sequence: this.#sequence, round: this.#round });
    this.#blocked = !this.#deps.outlet.write(message);
  }

  #endpointChanges(complete: boolean): Buffer[] {
    const { endpoints } = this.#deps;
    const changes = complete ? [endpoints.complete()] : [...endpoints.since(this.#round)];
    this.#round = endpoints.round;
    return changes;
  }

  #addTask(message: AssignmentsMessage, id: string): void {
    const task = this.#deps.view.get('task', id);
    const common = task?.nodeId === this.#deps.nodeId ? this.#deps.forms.of(task) : undefined;
    if (!task || !common) {
      if (this.#sent.task.delete(id)) message.removedTasks.push(id);
      return;
    }
    // It may still get traffic: until no host sends it any, it goes on as if nothing had been said.
    const desired = this.#deps.held(id) ? 'running' : desiredOnNode(task);
    const sent = this.#sent.task.get(id);
    if (sent?.desired === desired && (sent.common === common || sent.common.equals(common))) return;
    this.#sent.task.set(id, { desired, common });
    message.tasks.push({ taskId: id, slot: task.slot, desired, common });
  }

  #addPeer(message: AssignmentsMessage, id: string): void {
    const node = this.#deps.view.get('node', id);
    if (id === this.#deps.nodeId) {
      if (node) this.#addSelf(message, node);
      return;
    }
    const peer = node && this.#deps.peers.of(node);
    if (peer) {
      this.#sent.peer.add(id);
      message.peers.push(peer);
    } else if (this.#sent.peer.delete(id)) message.removedPeers.push(id);
  }

  /** What the node hears of itself. */
  #addSelf(message: AssignmentsMessage, node: Node): void {
    if (node.subnet !== this.#subnet) message.subnet = this.#subnet = node.subnet;
    const encryption = encryptionAssignment(this.#deps.view, node);
    const text = JSON.stringify(encryption ?? '');
    if (text === this.#encryption) return;
    this.#encryption = text;
    message.encryption = encryption;
  }
}

function isEmpty(message: AssignmentsMessage): boolean {
  const lists = [message.tasks, message.peers, message.endpointChanges];
  const removed = [message.removedTasks, message.removedPeers];
  if (message.subnet !== undefined || message.encryption !== undefined) return false;
  return [...lists, ...removed].every((list) => list.length === 0);
}
