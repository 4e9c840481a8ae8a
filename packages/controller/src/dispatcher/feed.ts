import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { EndpointAssignment } from '@gantry/model/assignment';
import type { NodeId, TaskId } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import { same } from '@gantry/model/spec-change';
import type { Change, Store, View } from '../store/store.ts';
import {
  changesLimits,
  endpointAssignment,
  endpointsTouchedBy,
  hasLeft,
  isLeaving,
  peerAssignment,
} from './assignments.ts';
import { Barrier } from './barrier.ts';
import { Subscriber, type Outlet } from './subscriber.ts';

export type { Outlet } from './subscriber.ts';

export interface FeedDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** True while no other controller can lead: what an older view holds must not be told as what is wanted now. */
  readonly leads: () => boolean;
  readonly log: Logger;
}

/** An order to stop waits at most this long for the other hosts, ms: one that hangs must not stop an update. */
const barrierMs = 2_000;

/** Follows the store for all connected nodes: a change costs what it concerns, not the number of nodes or services. */
export class Feed {
  readonly #deps: FeedDeps;
  readonly #subscribers = new Map<NodeId, Subscriber>();
  /** Endpoints as last sent, shared by all nodes. */
  readonly #endpoints = new Map<string, { readonly text: string; readonly value: EndpointAssignment }>();
  readonly #barrier = new Barrier();
  /** Counts the batches of changes. */
  #round = 0;
  #cancelExpiry: () => void = () => undefined;
  readonly #unsubscribe: () => void;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    const view = deps.store.view();
    for (const { id } of view.all('service')) this.#refreshEndpoint(id);
    // A former leader may have taken them out of their endpoints without telling every host of it.
    this.#hold([...view.all('task')].filter(isLeaving).map(({ id }) => id));
    this.#unsubscribe = deps.store.subscribe((changes) => this.#take(changes));
  }

  /** Sends the complete set, then changes, until the answer is called. */
  follow(nodeId: NodeId, outlet: Outlet): () => void {
    const subscriber = new Subscriber({
      nodeId,
      outlet,
      leads: this.#deps.leads,
      view: this.#view(),
      soon: (fn) => this.#deps.clock.soon(fn),
      endpoint: (id) => this.#endpoints.get(id)?.value,
      round: () => this.#round,
      awaited: () => this.#barrier.awaits(nodeId),
      held: (taskId) => this.#barrier.isHeld(taskId),
    });
    this.#subscribers.set(nodeId, subscriber);
    subscriber.sendComplete(this.#endpoints.keys());
    return () => {
      if (this.#subscribers.get(nodeId) === subscriber) this.#subscribers.delete(nodeId);
      subscriber.close();
    };
  }

  /** The node has applied everything that it was sent up to this sequence. */
  applied(nodeId: NodeId, sequence: number): void {
    const round = this.#subscribers.get(nodeId)?.applied(sequence);
    if (round !== undefined) this.#release(this.#barrier.applied(nodeId, round));
  }

  close(): void {
    this.#unsubscribe();
    this.#cancelExpiry();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  #view(): View {
    return this.#deps.store.view();
  }

  #take(changes: readonly Change[]): void {
    const view = this.#view();
    this.#round++;
    const touched = new Set<string>();
    this.#hold(
      changes
        .filter((change) => change.kind === 'task')
        .filter(hasLeft)
        .map(({ id }) => id),
    );
    for (const change of changes) {
      for (const id of endpointsTouchedBy(change, view)) touched.add(id);
      if (change.kind === 'task') this.#takeTask(change);
      else if (change.kind === 'node') this.#takeNode(change);
      else if (change.kind === 'service') this.#touchTasksOf(change);
    }
    for (const id of touched) {
      if (!this.#refreshEndpoint(id)) continue;
      for (const subscriber of this.#subscribers.values()) subscriber.touch('endpoint', id);
    }
  }

  #takeTask({ id, before, after }: Change & { kind: 'task' }): void {
    if (!after || !isLeaving(after)) this.#barrier.forget(id);
    for (const node of new Set([before?.nodeId, after?.nodeId])) {
      if (node !== undefined) this.#subscribers.get(node)?.touch('task', id);
    }
  }

  /** Tasks hear of it when their service is on other networks now, or has other limits. */
  #touchTasksOf(change: Change & { kind: 'service' }): void {
    const { id, before, after } = change;
    if (!before || !after) return;
    if (same(before.spec.networking, after.spec.networking) && !changesLimits(change)) return;
    for (const task of this.#view().tasksOfService(id)) this.#touchTask(task.id);
  }

  #takeNode({ id, before, after }: Change & { kind: 'node' }): void {
    if (!after || !isHeard(after)) this.#release(this.#barrier.left(id));
    const [old, now] = [before && peerAssignment(before), after && peerAssignment(after)];
    if (JSON.stringify(old) === JSON.stringify(now)) return;
    for (const subscriber of this.#subscribers.values()) subscriber.touch('peer', id);
  }

  /** Every host that is heard, connected at this moment or not, may still send the task connections. */
  #hold(taskIds: readonly TaskId[]): void {
    if (taskIds.length === 0) return;
    const hosts = [...this.#view().all('node')].filter(isHeard).map(({ id }) => id);
    this.#barrier.hold(taskIds, this.#round, this.#deps.clock.monotonic() + barrierMs, hosts);
    this.#expireLater();
  }

  #release(taskIds: Iterable<TaskId>): void {
    for (const taskId of taskIds) this.#touchTask(taskId);
  }

  #touchTask(taskId: TaskId): void {
    const nodeId = this.#view().get('task', taskId)?.nodeId;
    if (nodeId !== undefined) this.#subscribers.get(nodeId)?.touch('task', taskId);
  }

  #expireLater(): void {
    this.#cancelExpiry();
    const { clock, log } = this.#deps;
    const at = this.#barrier.nextAt;
    if (at === undefined) return;
    this.#cancelExpiry = clock.after(Math.max(0, at - clock.monotonic()), () => {
      const expired = this.#barrier.expired(clock.monotonic());
      for (const [task, hosts] of expired)
        log.warn('a task is stopped although hosts did not say that they send it nothing', { task, hosts });
      this.#release(expired.keys());
      this.#expireLater();
    });
  }

  /** True if the endpoint differs from what was last sent. */
  #refreshEndpoint(id: string): boolean {
    const view = this.#view();
    const service = view.get('service', id);
    const value = service && endpointAssignment(view, service);
    if (!value) return this.#endpoints.delete(id);
    const text = JSON.stringify(value);
    if (this.#endpoints.get(id)?.text === text) return false;
    this.#endpoints.set(id, { text, value });
    return true;
  }
}

function isHeard({ state, silentSince }: Node): boolean {
  return state === 'ready' && silentSince === undefined;
}
