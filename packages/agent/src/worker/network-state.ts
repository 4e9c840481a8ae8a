import { same } from '@gantry/model/same';
import type { NetworkState } from '../network/network.ts';

/** True if both say the same. What is the same object in both is not looked into: most of it, after most messages. */
export function sameState(a: NetworkState, b: NetworkState): boolean {
  return (
    sameItems(a.peers, b.peers) &&
    sameItems(a.endpoints, b.endpoints) &&
    same({ ...a, peers: [], endpoints: [] }, { ...b, peers: [], endpoints: [] })
  );
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index] || same(item, b[index]));
}
