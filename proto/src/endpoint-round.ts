import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { asBuffer } from './as-buffer.ts';
import { EndpointChanges } from './gen/gantry/v1/endpoints.ts';

/** Below it a round is sent as it is, bytes. Ids do not shrink: more than a half is never gained. */
const deflatedFrom = 1_024;

/** A round as all hosts are sent it: made once, so that what is spared is spared for each of them. */
export function encodeRound(changes: EndpointChanges): Buffer {
  const plain = asBuffer(EndpointChanges.encode(changes).finish());
  if (plain.length < deflatedFrom) return plain;
  const nothing = { complete: false, put: [], removed: [], changed: [] };
  const deflated = deflateRawSync(plain, { level: 1 });
  return asBuffer(EndpointChanges.encode({ ...nothing, round: changes.round, deflated }).finish());
}

/** What a host was sent. */
export function decodeRound(bytes: Uint8Array): EndpointChanges {
  const changes = EndpointChanges.decode(bytes);
  return changes.deflated.length === 0 ? changes : EndpointChanges.decode(inflateRawSync(changes.deflated));
}
