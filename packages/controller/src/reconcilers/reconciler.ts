import { defaultPools, type Pools } from '@gantry/model/addresses';
import { defaultFenceMs } from '@gantry/model/fence';
import type { Change, View, Write } from '../store/store.ts';

/** What a decision may know besides the view. */
export interface Env {
  /** ms since the epoch. */
  readonly now: number;
  /** A new object id. Decisions ask in a fixed order, so the same seed gives the same ids. */
  newId(): string;
  readonly settings: Settings;
}

/** Cluster-wide figures that decisions use. */
export interface Settings extends Pools {
  /** Silence after which a node is down, ms. */
  readonly silenceMs: number;
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly fenceMs: number;
  /** Range that a published port of 0 is chosen from. */
  readonly portRange: { readonly first: number; readonly last: number };
  /** Ended tasks kept per slot, for `ps` and `logs --previous`. */
  readonly keepEndedTasks: number;
}

export const defaultSettings: Settings = {
  silenceMs: 5_000,
  fenceMs: defaultFenceMs,
  ...defaultPools,
  portRange: { first: 30_000, last: 32_767 },
  keepEndedTasks: 3,
};

export interface Decision {
  /** Committed together if they fit one transaction, else split at object boundaries. */
  readonly writes: readonly Write[];
  /** Look at this key again at this time (ms since the epoch), even if nothing changes. */
  readonly wakeAt?: number;
  /** The work of one decision is bounded: others get the thread, then the key is asked again at once. */
  readonly more?: boolean;
  /** Why, in words, for the log. */
  readonly note?: string;
}

export const nothing: Decision = { writes: [] };

/**
 * Asks one question of the cluster, per key. Four laws hold for each (reconciler.contract.ts): pure · settled ·
 * complete · safe.
 */
export interface Reconciler<Key extends string = string> {
  readonly name: string;
  /** Every key that exists: the first pass after a start or a change of leader. */
  keys(view: View): Iterable<Key>;
  /** The keys whose decision this change may alter. */
  keysOf(change: Change, view: View): Iterable<Key>;
  /** Pure: no await, no clock, no randomness beyond `env`. */
  decide(view: View, key: Key, env: Env): Decision;
}
