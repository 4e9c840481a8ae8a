import type { Node } from '@gantry/model/node';
import { asBuffer } from '@gantry/proto/as-buffer';
import { Peer } from '@gantry/proto/gen/gantry/v1/agent';
import * as fromModel from '@gantry/proto/from-model';
import { peerAssignment } from './assignments.ts';

/** How hosts are told of each other: encoded once for all of them, as long as nothing of the host changes. */
export class PeerForms {
  readonly #known = new WeakMap<Node, Buffer>();

  /** Undefined while the node has no subnet: nobody hears of it. */
  of(node: Node): Buffer | undefined {
    const known = this.#known.get(node);
    if (known) return known;
    const peer = peerAssignment(node);
    if (!peer) return undefined;
    const bytes = asBuffer(Peer.encode(fromModel.peer(peer)).finish());
    this.#known.set(node, bytes);
    return bytes;
  }
}
