import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { asBuffer } from './as-buffer.ts';
import { Round } from './gen/gantry/v1/rounds.ts';

/** Below it a round is sent as it is, bytes. Ids do not shrink: more than a half is never gained. */
const deflatedFrom = 1_024;

/** A round in which nothing changes. */
export function emptyRound(number: number): Round {
  const lists = { put: [], removed: [], changed: [], peers: [], removedPeers: [] };
  return { number, complete: false, ...lists, deflated: Buffer.alloc(0) };
}

/** A round as all hosts are sent it: made once, so that what is spared is spared for each of them. */
export function encodeRound(round: Round): Buffer {
  const plain = asBuffer(Round.encode(round).finish());
  if (plain.length < deflatedFrom) return plain;
  const deflated = deflateRawSync(plain, { level: 1 });
  return asBuffer(Round.encode({ ...emptyRound(round.number), deflated }).finish());
}

/** What a host was sent. */
export function decodeRound(bytes: Uint8Array): Round {
  const round = Round.decode(bytes);
  return round.deflated.length === 0 ? round : Round.decode(inflateRawSync(round.deflated));
}
