import type { Node } from '@gantry/model/node';
import type { Derived } from '../store/store.ts';

/** Who is there, who is silent, and since when those are silent that are down. */
export interface Silence {
  nodes: number;
  readonly silent: Set<string>;
  /** Node → when it fell silent, ms since the epoch. */
  readonly down: Map<string, number>;
}

/** Followed change by change: when many fall silent at once each of them is looked at again for each of the others. */
export const silence: Derived<Silence> = {
  name: 'silence',

  build(view) {
    const state: Silence = { nodes: 0, silent: new Set(), down: new Map() };
    for (const node of view.all('node')) count(state, node, 1);
    return state;
  },

  apply(state, change) {
    if (change.kind !== 'node') return;
    if (change.before) count(state, change.before, -1);
    if (change.after) count(state, change.after, 1);
  },
};

/** How many nodes count at `now`, and how many of them are silent; a node counts until `lostMs` after it fell silent, if it is down. */
export function census(
  { nodes, silent, down }: Silence,
  now: number,
  lostMs: number,
): { readonly silent: number; readonly all: number; readonly changesAt?: number } {
  let [gone, changesAt] = [0, Infinity];
  for (const since of down.values()) {
    if (now >= since + lostMs) gone++;
    else changesAt = Math.min(changesAt, since + lostMs);
  }
  return { silent: silent.size - gone, all: nodes - gone, ...(changesAt !== Infinity && { changesAt }) };
}

function count(state: Silence, { id, state: health, silentSince }: Node, by: 1 | -1): void {
  state.nodes += by;
  if (silentSince === undefined) return;
  if (by > 0) state.silent.add(id);
  else state.silent.delete(id);
  if (health !== 'down') return;
  if (by > 0) state.down.set(id, silentSince);
  else state.down.delete(id);
}
