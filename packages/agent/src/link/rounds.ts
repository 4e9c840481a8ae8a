import type { EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import { afterChange } from '@gantry/model/endpoint-change';
import type { NodeId, ServiceId } from '@gantry/model/ids';
import type { Round } from '@gantry/proto/gen/gantry/v1/rounds';
import { decodeRound } from '@gantry/proto/round';
import * as toModel from '@gantry/proto/to-model';

/** What every host is told alike. */
export interface Common {
  readonly endpoints: ReadonlyMap<ServiceId, EndpointAssignment>;
  /** All hosts, the one that is told among them. */
  readonly peers: ReadonlyMap<NodeId, PeerAssignment>;
}

/** What a stream that has said nothing yet holds. */
export const nothing: Common = { endpoints: new Map(), peers: new Map() };

/** What all are told after one more round, as the controller encoded it; what did not change stays the same object. */
export type ReadRound = (before: Common, round: Uint8Array) => Common;

export const readRound: ReadRound = (before, bytes) => {
  const round = decodeRound(bytes);
  const known = round.complete ? nothing : before;
  return { endpoints: endpointsAfter(known.endpoints, round), peers: peersAfter(known.peers, round) };
};

function endpointsAfter(before: Common['endpoints'], { put, removed, changed }: Round): Common['endpoints'] {
  if (put.length + removed.length + changed.length === 0) return before;
  const after = new Map(before);
  for (const id of removed) after.delete(id);
  for (const endpoint of put) after.set(endpoint.serviceId, toModel.endpoint(endpoint));
  for (const change of changed) {
    const known = after.get(change.serviceId);
    if (known) after.set(change.serviceId, afterChange(known, toModel.backendChange(change)));
  }
  return after;
}

function peersAfter(before: Common['peers'], { peers, removedPeers }: Round): Common['peers'] {
  if (peers.length + removedPeers.length === 0) return before;
  const after = new Map(before);
  for (const id of removedPeers) after.delete(id);
  for (const peer of peers) after.set(peer.nodeId, toModel.peer(peer));
  return after;
}
