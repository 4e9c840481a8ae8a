import { expect, test } from 'vitest';
import { defaultPools } from '@gantry/model/addresses';
import type { TaskAssignment } from '@gantry/model/assignment';
import { sameState } from './network-state.ts';
import { planWork } from './plan.ts';

const one = { taskId: 't', desired: 'running' } as TaskAssignment;
const wanted = new Map([['t', one]]);
const nothing = { start: [], tell: [], gone: [] };

test('a task that is new here is started, one that is known and was told nothing yet is told', () => {
  expect(planWork(wanted, new Set(), new Map())).toEqual({ ...nothing, start: [one] });
  expect(planWork(wanted, new Set(['t']), new Map())).toEqual({ ...nothing, tell: [one] });
});

test('the same word is not said twice, another one is', () => {
  const held = new Set(['t']);
  expect(planWork(wanted, held, new Map([['t', one]]))).toEqual(nothing);
  expect(planWork(wanted, held, new Map([['t', { ...one }]]))).toEqual({ ...nothing, tell: [one] });
  expect(planWork(wanted, held, new Map([['t', 'gone']]))).toEqual({ ...nothing, tell: [one] });
});

test('a task that is not assigned any more is told so once', () => {
  const held = new Set(['t']);
  expect(planWork(new Map(), held, new Map([['t', one]]))).toEqual({ ...nothing, gone: ['t'] });
  expect(planWork(new Map(), held, new Map([['t', 'gone']]))).toEqual(nothing);
});

test('a state of the network is the same by what it says, and another in any part', () => {
  const peer = { nodeId: 'n2', name: 'n2', address: '10.0.0.2', subnet: '10.210.2.0/24' };
  const state = () => ({
    subnet: '10.210.1.0/24',
    pools: defaultPools,
    address: '10.0.0.1',
    peers: [{ ...peer }],
    endpoints: [],
    tasks: [],
  });
  expect(sameState(state(), state())).toBe(true);
  expect(sameState(state(), { ...state(), peers: [] })).toBe(false);
  expect(sameState(state(), { ...state(), peers: [{ ...peer, address: '10.0.0.3' }] })).toBe(false);
  expect(sameState(state(), { ...state(), subnet: '10.210.3.0/24' })).toBe(false);
});
