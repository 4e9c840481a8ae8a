import type { ContentKind, ContentVersion } from '@gantry/model/content';
import type { NodeId, RevisionId, ServiceId, TaskId } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import type { AnyObject, Kind, ObjectKinds } from '@gantry/model/objects';
import type { Revision, Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';

/**
 * One wanted change. `put` carries the object with the `version` it was read at (0: must not exist yet); the commit
 * fails as a conflict if the stored one differs. `delete` likewise.
 */
export type Write =
  | { readonly op: 'put'; readonly object: AnyObject }
  | { readonly op: 'delete'; readonly kind: Kind; readonly id: string; readonly version: number };

/** One object's step from `before` (absent: created) to `after` (absent: deleted). */
export type Change = {
  readonly [K in Kind]: {
    readonly kind: K;
    readonly id: string;
    readonly before?: ObjectKinds[K];
    readonly after?: ObjectKinds[K];
  };
}[Kind];

/**
 * What a reader keeps beside the view and brings up to date by its changes instead of computing it anew. It must be what
 * `build` would answer on the same view, so that a decision that uses it stays a function of the view.
 */
export interface Derived<S> {
  readonly name: string;
  build(view: View): S;
  /** The view contains the change already. */
  apply(state: S, change: Change): void;
}

/**
 * The state of the cluster at one revision, in memory and indexed. Synchronous: as long as a reader does not await,
 * what it sees is consistent. Objects are immutable.
 */
export interface View {
  readonly revision: number;
  get<K extends Kind>(kind: K, id: string): ObjectKinds[K] | undefined;
  all<K extends Kind>(kind: K): Iterable<ObjectKinds[K]>;
  count(kind: Kind): number;
  tasksOfService(id: ServiceId): Iterable<Task>;
  tasksOnNode(id: NodeId): Iterable<Task>;
  /** Tasks in state `pending` or `new` without a node: what `schedule` has to place. */
  unplacedTasks(): Iterable<Task>;
  revisionsOfService(id: ServiceId): Iterable<Revision>;
  serviceNamed(stack: string, name: string): Service | undefined;
  servicesOfStack(stack: string): Iterable<Service>;
  /** Services of the stack that depend on others. */
  dependentsInStack(stack: string): Iterable<Service>;
  nodeNamed(name: string): Node | undefined;
  /** Every kept version of a config or secret, in no order. */
  versionsOf(kind: ContentKind, name: string): Iterable<ContentVersion>;
  /** The derived state of this view; built when it is first asked for, kept up to date from then on. */
  derived<S>(kind: Derived<S>): S;
}

export type CommitResult =
  | { readonly ok: true; readonly revision: number }
  /** Somebody else wrote one of the objects first: look again and decide anew. */
  | { readonly ok: false; readonly why: 'conflict' }
  /** This controller does not lead (any more): its writes are refused by the fence. */
  | { readonly ok: false; readonly why: 'not_leader' }
  /** The store could not be reached, or its answer was lost; the view will tell what happened. */
  | { readonly ok: false; readonly why: 'unavailable'; readonly message: string };

/** The only place where the parts of the controller meet. */
export interface Store {
  view(): View;
  /**
   * Commits all writes or none (at most `maxWrites`); when it resolves `ok`, the view already contains them. Never
   * retries by itself.
   */
  commit(writes: readonly Write[]): Promise<CommitResult>;
  /**
   * Resolves `ok` once the view shows all that anybody had committed when this was called, and this controller led then:
   * what is read now may be told to others as what is wanted.
   */
  fenced(): Promise<CommitResult>;
  /** Resolves once the view shows the given revision, however long that takes; also when the store is closed. */
  reached(revision: number): Promise<void>;
  /** Hears every change in order, in batches, after the view contains them. Answers with the unsubscriber. */
  subscribe(listener: (changes: readonly Change[]) => void): () => void;
  close(): Promise<void>;
}

/** Operations a transaction may carry (etcd's default limit is 128, one is the fence's). */
export const maxWrites = 120;

export type { AnyObject, Kind, Node, NodeId, Revision, RevisionId, Service, ServiceId, Task, TaskId };
