import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { Pools } from '@gantry/model/addresses';
import type { NodeId, TaskId } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import { same } from '@gantry/model/spec-change';
import type { Change, Store, View } from '../store/store.ts';
import {
  changesForHost,
  changesLimits,
  endpointAssignment,
  endpointsTouchedBy,
  hasLeft,
  isLeaving,
  peerAssignment,
} from './assignments.ts';
import { Barrier } from './barrier.ts';
import { Rounds } from './rounds.ts';
import { Subscriber, type Outlet } from './subscriber.ts';
import { TaskForms } from './task-forms.ts';
import { Turns } from './turns.ts';

export type { Outlet } from './subscriber.ts';

export interface FeedDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** True while no other controller can lead: what an older view holds must not be told as what is wanted now. */
  readonly leads: () => boolean;
  readonly log: Logger;
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly fenceMs: number;
  readonly pools: Pools;
}

/** Hosts are told of others in rounds, ten ms apart for every ten hosts: so telling takes a tenth of the thread at most. */
const [hostsPerStep, stepMs, longestMs] = [10, 10, 1_000] as const;
/** An order to stop waits at most this long for the other hosts, ms: one that hangs must not stop an update. */
const barrierMs = 2_000;

/** Follows the store for all connected nodes: a change costs what it concerns, not the number of nodes or services. */
export class Feed {
  readonly #deps: FeedDeps;
  readonly #subscribers = new Map<NodeId, Subscriber>();
  readonly #rounds: Rounds;
  readonly #barrier = new Barrier();
  readonly #forms: TaskForms;
  readonly #turns: Turns;
  /** An order to stop waits for the next round. */
  #holding = false;
  #lastRoundAt = -Infinity;
  #cancelRound: (() => void) | undefined;
  #cancelExpiry: () => void = () => undefined;
  readonly #unsubscribe: () => void;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    this.#turns = new Turns(deps.clock);
    this.#forms = new TaskForms(() => this.#view(), deps.fenceMs);
    const view = deps.store.view();
    const endpointOf = (id: string): ReturnType<typeof endpointAssignment> => {
      const service = view.get('service', id);
      return service && endpointAssignment(view, service);
    };
    const peerOf = (id: string): ReturnType<typeof peerAssignment> => {
      const node = view.get('node', id);
      return node && peerAssignment(node);
    };
    this.#rounds = new Rounds({ endpointOf, peerOf }, idsOf(view.all('service')), idsOf(view.all('node')));
    // A former leader may have taken them out of their endpoints without telling every host of it.
    this.#hold(
      [...view.all('task')].filter(isLeaving).map(({ id }) => id),
      this.#rounds.round,
    );
    this.#unsubscribe = deps.store.subscribe((changes) => this.#take(changes));
  }

  /** Sends the complete set, then changes, until the answer is called. */
  follow(nodeId: NodeId, outlet: Outlet): () => void {
    const subscriber = new Subscriber({
      nodeId,
      outlet,
      leads: this.#deps.leads,
      pools: this.#deps.pools,
      forms: this.#forms,
      view: this.#view(),
      soon: (fn) => this.#turns.soon(fn),
      rounds: this.#rounds,
      awaited: () => this.#barrier.awaits(nodeId),
      held: (taskId) => this.#barrier.isHeld(taskId),
    });
    this.#subscribers.set(nodeId, subscriber);
    subscriber.sendComplete();
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
    this.#cancelRound?.();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  #view(): View {
    return this.#deps.store.view();
  }

  #take(changes: readonly Change[]): void {
    const view = this.#view();
    const left = changes.filter((change) => change.kind === 'task').filter(hasLeft);
    this.#holding ||= left.length > 0;
    this.#hold(
      left.map(({ id }) => id),
      this.#rounds.round + 1,
    );
    let touched = this.#holding;
    for (const change of changes) {
      for (const id of endpointsTouchedBy(change, view)) {
        this.#rounds.touch(id);
        touched = true;
      }
      if (change.kind === 'task') this.#takeTask(change);
      else if (change.kind === 'node') touched = this.#takeNode(change) || touched;
      else if (change.kind === 'service') this.#touchTasksOf(change);
      else if (change.kind === 'settings') this.#touchAll();
    }
    if (touched) this.#roundSoon();
  }

  /** At once, or when it is time again. */
  #roundSoon(): void {
    if (this.#cancelRound) return;
    const { clock } = this.#deps;
    const apart = Math.min(longestMs, Math.floor(this.#subscribers.size / hostsPerStep) * stepMs);
    const wait = this.#lastRoundAt + apart - clock.monotonic();
    if (wait <= 0) this.#tellAll();
    else this.#cancelRound = clock.after(wait, () => this.#tellAll());
  }

  #tellAll(): void {
    this.#cancelRound = undefined;
    this.#lastRoundAt = this.#deps.clock.monotonic();
    const news = this.#rounds.advance(this.#holding);
    this.#holding = false;
    if (news) for (const subscriber of this.#subscribers.values()) subscriber.nudge();
  }

  /** Its host hears of it when something else is wanted there; what it said itself it need not be told. */
  #takeTask({ id, before, after }: Change & { kind: 'task' }): void {
    const freed = this.#barrier.isHeld(id) && (!after || !isLeaving(after));
    if (freed) this.#barrier.forget(id);
    if (!freed && before && after && !changesForHost(before, after)) return;
    for (const node of new Set([before?.nodeId, after?.nodeId])) {
      if (node !== undefined) this.#subscribers.get(node)?.touchTask(id);
    }
  }

  /** Tasks hear of it when their service is on other networks now, or has other limits. */
  #touchTasksOf(change: Change & { kind: 'service' }): void {
    const { id, before, after } = change;
    if (!before || !after) return;
    if (same(before.spec.networking, after.spec.networking) && !changesLimits(change)) return;
    for (const task of this.#view().tasksOfService(id)) this.#touchTask(task.id);
  }

  /** True if other hosts may have to hear of it. */
  #takeNode({ id, before, after }: Change & { kind: 'node' }): boolean {
    if (!after || !isHeard(after)) this.#release(this.#barrier.left(id));
    const isSame = same(before && peerAssignment(before), after && peerAssignment(after));
    if (!isSame || before?.keyGeneration !== after?.keyGeneration) this.#subscribers.get(id)?.touchSelf();
    if (!isSame) this.#rounds.touchPeer(id);
    return !isSame;
  }

  /** Every node hears what holds for itself. */
  #touchAll(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.touchSelf();
  }

  /** Every host that is heard, connected at this moment or not, may still send the task connections. */
  #hold(taskIds: readonly TaskId[], round: number): void {
    if (taskIds.length === 0) return;
    const hosts = [...this.#view().all('node')].filter(isHeard).map(({ id }) => id);
    this.#barrier.hold(taskIds, round, this.#deps.clock.monotonic() + barrierMs, hosts);
    this.#expireLater();
  }

  #release(taskIds: Iterable<TaskId>): void {
    for (const taskId of taskIds) this.#touchTask(taskId);
  }

  #touchTask(taskId: TaskId): void {
    const nodeId = this.#view().get('task', taskId)?.nodeId;
    if (nodeId !== undefined) this.#subscribers.get(nodeId)?.touchTask(taskId);
  }

  #expireLater(): void {
    this.#cancelExpiry();
    const { clock, log } = this.#deps;
    const at = this.#barrier.nextAt;
    if (at === undefined) return;
    this.#cancelExpiry = clock.after(Math.max(0, at - clock.monotonic()), () => {
      const expired = this.#barrier.expired(clock.monotonic());
      for (const { tasks, hosts } of expired) {
        log.warn('tasks are stopped although hosts did not say that they send them nothing', {
          tasks: fewOf(tasks),
          hosts: fewOf(hosts),
        });
        this.#release(tasks);
      }
      this.#expireLater();
    });
  }
}

function idsOf<Id>(objects: Iterable<{ readonly id: Id }>): readonly Id[] {
  return [...objects].map(({ id }) => id);
}

/** For the log: there may be thousands. */
function fewOf(ids: readonly string[]): string {
  const more = ids.length > 5 ? ` and ${ids.length - 5} more` : '';
  return `${ids.slice(0, 5).join(', ')}${more}`;
}

function isHeard({ state, silentSince }: Node): boolean {
  return state === 'ready' && silentSince === undefined;
}
