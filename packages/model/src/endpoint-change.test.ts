import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EndpointAssignment } from './assignment.ts';
import { afterChange, backendChange, inOrder } from './endpoint-change.ts';

const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
const address = fc.nat(5).map((last) => `10.210.1.${last}`);
const backend = fc.record({ taskId: fc.constantFrom(...ids), slot: fc.nat(3), address });

function endpoint(backends: EndpointAssignment['backends'], idle: readonly string[]): EndpointAssignment {
  const networking = { networks: [], endpointMode: 'vip', affinity: 'none', expose: [], drainMs: 0 } as const;
  return {
    serviceId: 's',
    stack: 'shop',
    service: 'web',
    vip: '10.211.0.1',
    ports: [],
    backends: [...backends].sort(inOrder),
    idle: [...idle].sort(),
    networking,
  };
}

const endpoints = fc
  .tuple(fc.uniqueArray(backend, { selector: ({ taskId }) => taskId }), fc.uniqueArray(address))
  .map(([backends, idle]) => endpoint(backends, idle));

test('a change leads from any form of an endpoint to any other', () => {
  fc.assert(
    fc.property(endpoints, endpoints, (before, after) => {
      expect(afterChange(before, backendChange(before, after)!)).toEqual(after);
    }),
  );
});

test('a change names only who comes and who goes', () => {
  const one = { taskId: 'a', slot: 1, address: '10.210.1.1' };
  const two = { taskId: 'b', slot: 2, address: '10.210.1.2' };
  expect(backendChange(endpoint([one], [two.address]), endpoint([one, two], []))).toEqual({
    serviceId: 's',
    put: [two],
    removed: [],
    idle: [],
    noLongerIdle: [two.address],
  });
});

test('an endpoint that changed in more than its tasks is told whole', () => {
  const before = endpoint([], []);
  expect(backendChange(before, { ...before, vip: '10.211.0.2' })).toBeUndefined();
});
