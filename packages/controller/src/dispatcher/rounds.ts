import type { EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import { backendChange } from '@gantry/model/endpoint-change';
import type { NodeId, ServiceId } from '@gantry/model/ids';
import { same } from '@gantry/model/same';
import { emptyRound, encodeRound } from '@gantry/proto/round';
import type { Round } from '@gantry/proto/gen/gantry/v1/rounds';
import * as fromModel from '@gantry/proto/from-model';

/** Rounds that are kept for hosts whose wire was full; one that is further behind is told everything. */
const keptRounds = 64;

/** How things are now, in the view; undefined: nobody hears of it. */
export interface RoundsView {
  readonly endpointOf: (id: ServiceId) => EndpointAssignment | undefined;
  readonly peerOf: (id: NodeId) => PeerAssignment | undefined;
}

/**
 * What all hosts are told alike, services and each other, in rounds. What changed in a round is encoded once for all hosts, and
 * costs what changed: of a service who comes and who goes, not the whole of it.
 */
export class Rounds {
  readonly #view: RoundsView;
  readonly #told = {
    endpoints: new Map<ServiceId, EndpointAssignment>(),
    peers: new Map<NodeId, PeerAssignment>(),
  };
  readonly #touched = { endpoints: new Set<ServiceId>(), peers: new Set<NodeId>() };
  /** The newest rounds, oldest first; the last one is `round`. */
  readonly #kept: Buffer[] = [];
  #complete: Buffer | undefined;
  round = 0;

  constructor(view: RoundsView, services: Iterable<ServiceId>, nodes: Iterable<NodeId>) {
    this.#view = view;
    for (const id of services) {
      const endpoint = view.endpointOf(id);
      if (endpoint) this.#told.endpoints.set(id, endpoint);
    }
    for (const id of nodes) {
      const peer = view.peerOf(id);
      if (peer) this.#told.peers.set(id, peer);
    }
  }

  /** The endpoint may be another now; the next round tells. */
  touch(id: ServiceId): void {
    this.#touched.endpoints.add(id);
  }

  /** The host may be another to others now; the next round tells. */
  touchPeer(id: NodeId): void {
    this.#touched.peers.add(id);
  }

  /** Ends a round; false if nothing has changed, and there is no new one, unless one is wanted in any case. */
  advance(inAnyCase = false): boolean {
    const changes = emptyRound(this.round + 1);
    for (const id of this.#touched.endpoints) this.#addEndpoint(changes, id);
    for (const id of this.#touched.peers) this.#addPeer(changes, id);
    this.#touched.endpoints.clear();
    this.#touched.peers.clear();
    const { put, removed, changed, peers, removedPeers } = changes;
    const size = [put, removed, changed, peers, removedPeers].reduce((sum, { length }) => sum + length, 0);
    if (size === 0 && !inAnyCase) return false;
    this.round++;
    this.#complete = undefined;
    this.#kept.push(encodeRound(changes));
    if (this.#kept.length > keptRounds) this.#kept.shift();
    return true;
  }

  /** Everything as of the last round. */
  complete(): Buffer {
    if (this.#complete) return this.#complete;
    const put = [...this.#told.endpoints.values()].map(fromModel.endpoint);
    const peers = [...this.#told.peers.values()].map(fromModel.peer);
    this.#complete = encodeRound({ ...emptyRound(this.round), complete: true, put, peers });
    return this.#complete;
  }

  /** What leads from a round to the last one. */
  since(round: number): readonly Buffer[] {
    const behind = this.round - round;
    if (behind > this.#kept.length) return [this.complete()];
    return behind === 0 ? [] : this.#kept.slice(-behind);
  }

  #addEndpoint(changes: Round, id: ServiceId): void {
    const told = this.#told.endpoints;
    const [before, after] = [told.get(id), this.#view.endpointOf(id)];
    if (!after) {
      if (told.delete(id)) changes.removed.push(id);
      return;
    }
    if (before && same(before, after)) return;
    told.set(id, after);
    const change = before && backendChange(before, after);
    if (change) changes.changed.push(fromModel.backendChange(change));
    else changes.put.push(fromModel.endpoint(after));
  }

  #addPeer(changes: Round, id: NodeId): void {
    const told = this.#told.peers;
    const [before, after] = [told.get(id), this.#view.peerOf(id)];
    if (!after) {
      if (told.delete(id)) changes.removedPeers.push(id);
      return;
    }
    if (same(before, after)) return;
    told.set(id, after);
    changes.peers.push(fromModel.peer(after));
  }
}
