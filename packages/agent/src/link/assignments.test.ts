import { expect, test } from 'vitest';
import { defaultPools } from '@gantry/model/addresses';
import type { AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import type { Round } from '@gantry/proto/gen/gantry/v1/rounds';
import { emptyRound, encodeRound } from '@gantry/proto/round';
import { AssignmentsBook } from './assignments.ts';

function aMessage(sequence: number, more: Partial<AssignmentsMessage> = {}): AssignmentsMessage {
  return {
    sequence,
    complete: sequence === 1,
    subnet: undefined,
    pools: undefined,
    encryption: undefined,
    tasks: [],
    removedTasks: [],
    acknowledge: false,
    rounds: [],
    ...more,
  };
}

function aRound(number: number, ...nodeIds: readonly string[]): Buffer {
  const peers: Round['peers'] = nodeIds.map((nodeId) => ({
    nodeId,
    name: nodeId,
    address: '10.0.0.1',
    subnet: '10.210.1.0/24',
    keys: [],
    sourceNat: false,
  }));
  return encodeRound({ ...emptyRound(number), peers, complete: number === 1 });
}

test('all others are neighbours, and the same map until one of them is another', () => {
  const book = new AssignmentsBook('me');
  const first = book.take(aMessage(1, { rounds: [aRound(1, 'me', 'a')] }));
  expect([...(first?.peers.keys() ?? [])]).toEqual(['a']);
  const second = book.take(aMessage(2, { subnet: '10.210.3.0/24', rounds: [aRound(2)] }));
  expect(second?.peers).toBe(first?.peers);
  expect(second?.tasks).toBe(first?.tasks);
  const third = book.take(aMessage(3, { rounds: [aRound(3, 'me', 'b')] }));
  expect([...(third?.peers.keys() ?? [])]).toEqual(['a', 'b']);
});

test('pools hold until a set says others; a change that was missed ends it', () => {
  const book = new AssignmentsBook('me');
  expect(book.take(aMessage(1))?.pools).toEqual(defaultPools);
  const pools = { containerPool: '10.128.0.0/10', vipPool: '10.200.0.0/16' };
  expect(book.take(aMessage(1, { pools }))?.pools).toEqual(pools);
  expect(book.take(aMessage(2))?.pools).toEqual(pools);
  expect(book.take(aMessage(4))).toBe(undefined);
});
