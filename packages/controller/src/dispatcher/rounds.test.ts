import { expect, test } from 'vitest';
import type { EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import { decodeRound } from '@gantry/proto/round';
import type { Round } from '@gantry/proto/gen/gantry/v1/rounds';
import { Rounds } from './rounds.ts';

const networking = { networks: [], endpointMode: 'vip', affinity: 'none', expose: [], drainMs: 0 } as const;

/** Rounds over one service with so many backends as `count` says at the time. */
function roundsOf(count: () => number | undefined): Rounds {
  const endpointOf = (serviceId: string): EndpointAssignment | undefined => {
    const backends = Array.from({ length: count() ?? 0 }, (_, slot) => ({
      taskId: `t${slot}`,
      slot,
      address: `10.210.1.${slot}`,
    }));
    const rest = { stack: 'shop', service: 'web', vip: '10.211.0.1', ports: [], idle: [], networking };
    return count() === undefined ? undefined : { serviceId, backends, ...rest };
  };
  return new Rounds({ endpointOf, peerOf: () => undefined }, ['s'], []);
}

test('a round tells who comes and who goes, once for all', () => {
  let count: number | undefined = 1;
  const rounds = roundsOf(() => count);
  count = 2;
  rounds.touch('s');
  expect(rounds.advance()).toBe(true);
  const [one, other] = [rounds.since(0), rounds.since(0)];
  expect(one[0]).toBe(other[0]);
  expect(decodeRound(one[0]!).changed).toMatchObject([{ serviceId: 's', put: [{ taskId: 't1' }] }]);
  expect(rounds.since(1)).toEqual([]);
  count = undefined;
  rounds.touch('s');
  rounds.advance();
  expect(decodeRound(rounds.since(1)[0]!).removed).toEqual(['s']);
});

test('what is as before makes no round, unless one is wanted', () => {
  const rounds = roundsOf(() => 1);
  rounds.touch('s');
  expect(rounds.advance()).toBe(false);
  expect(rounds.round).toBe(0);
  expect(rounds.advance(true)).toBe(true);
  expect(rounds.since(0)).toHaveLength(1);
});

test('who is too far behind is told everything', () => {
  let count = 0;
  const rounds = roundsOf(() => count);
  for (; count < 100; rounds.advance()) {
    count++;
    rounds.touch('s');
  }
  expect(rounds.since(90)).toHaveLength(10);
  const [all, ...none] = rounds.since(2);
  expect(none).toEqual([]);
  expect(decodeRound(all!)).toMatchObject({ complete: true, put: [{ serviceId: 's' }] });
  expect(decodeRound(all!).put[0]?.backends).toHaveLength(100);
});

test('hosts are told of each other, of what is another now, and of who has gone', () => {
  const peers = new Map([['a', aPeer('a')]]);
  const rounds = new Rounds({ endpointOf: () => undefined, peerOf: (id) => peers.get(id) }, [], ['a']);
  const next = (...ids: readonly string[]): Round | undefined => {
    for (const id of ids) rounds.touchPeer(id);
    return rounds.advance() ? decodeRound(rounds.since(rounds.round - 1)[0]!) : undefined;
  };
  expect(decodeRound(rounds.complete()).peers.map(({ nodeId }) => nodeId)).toEqual(['a']);
  expect(next('a', 'b')).toBe(undefined);
  peers.set('b', aPeer('b'));
  expect(next('a', 'b')?.peers.map(({ nodeId }) => nodeId)).toEqual(['b']);
  peers.set('a', { ...aPeer('a'), address: '10.0.0.9' });
  expect(next('a', 'b')?.peers.map(({ nodeId }) => nodeId)).toEqual(['a']);
  peers.delete('b');
  expect(next('b')?.removedPeers).toEqual(['b']);
  expect(next('b')).toBe(undefined);
  expect(decodeRound(rounds.complete())).toMatchObject({ complete: true, peers: [{ address: '10.0.0.9' }] });
});

function aPeer(nodeId: string): PeerAssignment {
  return { nodeId, name: nodeId, address: '10.0.0.1', subnet: '10.210.1.0/24' };
}
