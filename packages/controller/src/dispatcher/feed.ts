import type { Clock } from '@gantry/kit/clock';
import type { EndpointAssignment } from '@gantry/model/assignment';
import type { NodeId } from '@gantry/model/ids';
import { same } from '@gantry/model/spec-change';
import type { AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import { liveLimits } from '@gantry/model/limits';
import * as fromModel from '@gantry/proto/from-model';
import type { Change, Store, View } from '../store/store.ts';
import {
  changesLimits,
  desiredOnNode,
  endpointAssignment,
  endpointsTouchedBy,
  peerAssignment,
  taskAssignment,
} from './assignments.ts';

/** Where messages for one node go; `write` answers false when it is full, `onDrain` hears when it is not. */
export interface Outlet {
  write(message: AssignmentsMessage): boolean;
  onDrain(listener: () => void): void;
}

/** Follows the store for all connected nodes: a change costs what it concerns, not the number of nodes or services. */
export class Feed {
  readonly #store: Store;
  readonly #soon: Clock['soon'];
  readonly #subscribers = new Map<NodeId, Subscriber>();
  /** Endpoints as last sent, shared by all nodes. */
  readonly #endpoints = new Map<string, { readonly text: string; readonly value: EndpointAssignment }>();
  readonly #unsubscribe: () => void;

  constructor(store: Store, soon: Clock['soon']) {
    this.#store = store;
    this.#soon = soon;
    for (const { id } of store.view().all('service')) this.#refreshEndpoint(id);
    this.#unsubscribe = store.subscribe((changes) => this.#take(changes));
  }

  /** Sends the complete set, then changes, until the answer is called. */
  follow(nodeId: NodeId, outlet: Outlet): () => void {
    const subscriber = new Subscriber(
      nodeId,
      outlet,
      this.#store.view(),
      (id) => this.#endpoints.get(id)?.value,
      this.#soon,
    );
    this.#subscribers.set(nodeId, subscriber);
    subscriber.sendComplete(this.#endpoints.keys());
    return () => {
      if (this.#subscribers.get(nodeId) === subscriber) this.#subscribers.delete(nodeId);
      subscriber.close();
    };
  }

  close(): void {
    this.#unsubscribe();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  #take(changes: readonly Change[]): void {
    const view = this.#store.view();
    const touched = new Set<string>();
    for (const change of changes) {
      for (const id of endpointsTouchedBy(change, view)) touched.add(id);
      if (change.kind === 'task') {
        for (const node of new Set([change.before?.nodeId, change.after?.nodeId])) {
          if (node !== undefined) this.#subscribers.get(node)?.touch('task', change.id);
        }
      } else if (change.kind === 'node') this.#touchNode(change);
      else if (change.kind === 'service') this.#touchTasksOf(change);
    }
    for (const id of touched) {
      if (!this.#refreshEndpoint(id)) continue;
      for (const subscriber of this.#subscribers.values()) subscriber.touch('endpoint', id);
    }
  }

  /** Tasks hear of it when their service is on other networks now, or has other limits. */
  #touchTasksOf(change: Change & { kind: 'service' }): void {
    const { id, before, after } = change;
    if (!before || !after) return;
    if (same(before.spec.networking, after.spec.networking) && !changesLimits(change)) return;
    for (const task of this.#store.view().tasksOfService(id)) {
      if (task.nodeId !== undefined) this.#subscribers.get(task.nodeId)?.touch('task', task.id);
    }
  }

  #touchNode({ id, before, after }: Change & { kind: 'node' }): void {
    const [old, now] = [before && peerAssignment(before), after && peerAssignment(after)];
    if (JSON.stringify(old) === JSON.stringify(now)) return;
    for (const subscriber of this.#subscribers.values()) subscriber.touch('peer', id);
  }

  /** True if the endpoint differs from what was last sent. */
  #refreshEndpoint(id: string): boolean {
    const view = this.#store.view();
    const service = view.get('service', id);
    const value = service && endpointAssignment(view, service);
    if (!value) return this.#endpoints.delete(id);
    const text = JSON.stringify(value);
    if (this.#endpoints.get(id)?.text === text) return false;
    this.#endpoints.set(id, { text, value });
    return true;
  }
}

type Kind = 'task' | 'peer' | 'endpoint';

/** One node's stream: what it was sent, and what it has to hear of. */
class Subscriber {
  readonly #nodeId: NodeId;
  readonly #outlet: Outlet;
  readonly #view: View;
  readonly #endpoint: (id: string) => EndpointAssignment | undefined;
  readonly #soon: Clock['soon'];
  /** Key → what was sent of it. */
  readonly #sent = { task: new Map<string, string>(), peer: new Set<string>(), endpoint: new Set<string>() };
  readonly #dirty: Readonly<Record<Kind, Set<string>>> = {
    task: new Set(),
    peer: new Set(),
    endpoint: new Set(),
  };
  #subnet: string | undefined;
  #sequence = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;

  constructor(
    nodeId: NodeId,
    outlet: Outlet,
    view: View,
    endpoint: (id: string) => EndpointAssignment | undefined,
    soon: Clock['soon'],
  ) {
    this.#nodeId = nodeId;
    this.#outlet = outlet;
    this.#view = view;
    this.#endpoint = endpoint;
    this.#soon = soon;
    outlet.onDrain(() => {
      this.#blocked = false;
      this.#schedule();
    });
  }

  sendComplete(endpoints: Iterable<string>): void {
    for (const { id } of this.#view.tasksOnNode(this.#nodeId)) this.#dirty.task.add(id);
    for (const { id } of this.#view.all('node')) this.#dirty.peer.add(id);
    for (const id of endpoints) this.#dirty.endpoint.add(id);
    this.#flush(true);
  }

  touch(kind: Kind, id: string): void {
    this.#dirty[kind].add(id);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
  }

  /** Changes of one turn of the event loop go together; while the wire is full they pile up as keys, not as messages. */
  #schedule(): void {
    if (this.#scheduled || this.#blocked || this.#closed) return;
    this.#scheduled = true;
    this.#soon(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#flush(false);
    });
  }

  #flush(complete: boolean): void {
    const message: AssignmentsMessage = {
      sequence: this.#sequence + 1,
      complete,
      subnet: undefined,
      tasks: [],
      peers: [],
      endpoints: [],
      removedTasks: [],
      removedPeers: [],
      removedEndpoints: [],
    };
    for (const id of this.#dirty.task) this.#addTask(message, id);
    for (const id of this.#dirty.peer) this.#addPeer(message, id);
    for (const id of this.#dirty.endpoint) this.#addEndpoint(message, id);
    for (const keys of Object.values(this.#dirty)) keys.clear();
    if (!complete && isEmpty(message)) return;
    this.#sequence++;
    this.#blocked = !this.#outlet.write(message);
  }

  #addTask(message: AssignmentsMessage, id: string): void {
    const task = this.#view.get('task', id);
    const assignment = task?.nodeId === this.#nodeId ? taskAssignment(this.#view, task) : undefined;
    if (!task || !assignment) {
      if (this.#sent.task.delete(id)) message.removedTasks.push(id);
      return;
    }
    // Nothing else of an assignment ever changes.
    const { networking, container } = assignment;
    const text = `${desiredOnNode(task)} ${JSON.stringify([networking, liveLimits(container)])}`;
    if (this.#sent.task.get(id) === text) return;
    this.#sent.task.set(id, text);
    message.tasks.push(fromModel.taskAssignment(assignment));
  }

  #addPeer(message: AssignmentsMessage, id: string): void {
    const node = this.#view.get('node', id);
    if (id === this.#nodeId) {
      if (node?.subnet === this.#subnet) return;
      this.#subnet = node?.subnet;
      message.subnet = node?.subnet;
      return;
    }
    const peer = node && peerAssignment(node);
    if (peer) {
      this.#sent.peer.add(id);
      message.peers.push(fromModel.peer(peer));
    } else if (this.#sent.peer.delete(id)) message.removedPeers.push(id);
  }

  #addEndpoint(message: AssignmentsMessage, id: string): void {
    const endpoint = this.#endpoint(id);
    if (endpoint) {
      this.#sent.endpoint.add(id);
      message.endpoints.push(fromModel.endpoint(endpoint));
    } else if (this.#sent.endpoint.delete(id)) message.removedEndpoints.push(id);
  }
}

function isEmpty(message: AssignmentsMessage): boolean {
  const lists = [message.tasks, message.peers, message.endpoints];
  const removed = [message.removedTasks, message.removedPeers, message.removedEndpoints];
  return message.subnet === undefined && [...lists, ...removed].every((list) => list.length === 0);
}
