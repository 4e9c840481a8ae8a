import { expect, test } from 'vitest';
import { defaultPools } from '@gantry/model/addresses';
import type { NodeAssignments } from '@gantry/model/assignment';
import { anAssignment } from '../../../../tests/support/builders.ts';
import { NetworkStates, sameState } from './network-state.ts';

const task = anAssignment({ taskId: 't' });
const peer = { nodeId: 'n2', name: 'n2', address: '10.0.0.2', subnet: '10.210.2.0/24' };
const own = { subnet: '10.210.1.0/24', pools: defaultPools, address: '10.0.0.1' };
const wanted: NodeAssignments = {
  subnet: own.subnet,
  pools: own.pools,
  tasks: new Map([['t', task]]),
  peers: new Map([['n2', peer]]),
  endpoints: new Map(),
};

test('what is made of the same objects is the same object', () => {
  const states = new NetworkStates();
  const [a, b] = [states.of(wanted, own), states.of({ ...wanted, tasks: new Map(wanted.tasks) }, own)];
  expect(b.peers).toBe(a.peers);
  expect(b.tasks[0]).toBe(a.tasks[0]);
  expect(sameState(a, b)).toBe(true);
});

test('another network, neighbour, task or address is another state', () => {
  const states = new NetworkStates();
  const before = states.of(wanted, own);
  const moved = { ...task, networking: { ...task.networking, networks: [] } };
  const others: readonly [NodeAssignments, typeof own][] = [
    [{ ...wanted, tasks: new Map([['t', moved]]) }, own],
    [{ ...wanted, tasks: new Map() }, own],
    [{ ...wanted, peers: new Map([['n2', { ...peer, address: '10.0.0.9' }]]) }, own],
    [wanted, { ...own, address: '10.0.0.7' }],
    [wanted, { ...own, pools: { ...defaultPools, containerPool: '10.192.0.0/11' } }],
  ];
  for (const [now, self] of others) expect(sameState(before, states.of(now, self))).toBe(false);
});
