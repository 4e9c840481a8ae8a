import { expect, test } from 'vitest';
import {
  aNode,
  aService,
  aSpec,
  aStatus,
  aTask,
  noon,
  viewOf,
} from '../../../../../tests/support/builders.ts';
import { services } from './services.ts';

const n1 = aNode({ id: 'n1' });
const silent = { ...n1, silentSince: noon };
const plain = aService({ id: 'plain' });
const global = aService({ id: 'global', spec: aSpec({ name: 'each', mode: { kind: 'global' } }) });
const full = aService({ id: 'full' });
const { nodeId: _, ...unplaced } = aTask({
  id: 't3',
  serviceId: 'full',
  slot: 2,
  status: aStatus({ state: 'pending' }),
});
const view = viewOf([
  n1,
  plain,
  global,
  full,
  aTask({ id: 't1', serviceId: 'plain', nodeId: 'n1' }),
  aTask({ id: 't2', serviceId: 'full', nodeId: 'n1' }),
  unplaced,
]);
const asked = (before: typeof n1, after: typeof n1): readonly string[] =>
  [...new Set(services.keysOf({ kind: 'node', id: 'n1', before, after }, view))].sort();

test('a host that falls silent, or is heard again, concerns only what waits for the room of its tasks', () => {
  expect(asked(n1, silent)).toEqual(['full']);
  expect(asked(silent, n1)).toEqual(['full']);
});

test('one that goes down, or comes back, concerns all that it has tasks of and all that run everywhere', () => {
  const down = { ...silent, state: 'down' as const };
  expect(asked(silent, down)).toEqual(['full', 'global', 'plain']);
  expect(asked(down, n1)).toEqual(['full', 'global', 'plain']);
});
