import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agentGateway, encodeAssignments } from './assignments-message.ts';
import { decodeRound, emptyRound, encodeRound } from './round.ts';
import { AssignmentsMessage } from './gen/gantry/v1/agent.ts';
import type { Round } from './gen/gantry/v1/rounds.ts';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

const messages: fc.Arbitrary<AssignmentsMessage> = fc.record({
  sequence: fc.nat(),
  complete: fc.boolean(),
  subnet: fc.option(fc.constant('10.210.1.0/24'), { nil: undefined }),
  pools: fc.option(fc.constant({ containerPool: '10.210.0.0/16', vipPool: '10.211.0.0/16' }), {
    nil: undefined,
  }),
  tasks: fc.array(fc.record({ taskId: fc.string(), slot: fc.nat(), desired: fc.string(), common: bytes })),
  removedTasks: fc.array(fc.string()),
  acknowledge: fc.boolean(),
  rounds: fc.array(bytes),
  encryption: fc.constant(undefined),
});

test('a host reads its assignments as the controller wrote them', () => {
  fc.assert(
    fc.property(messages, (message) => {
      const encoded = encodeAssignments(message);
      expect(AssignmentsMessage.decode(encoded)).toEqual(message);
      expect(encoded.length).toBe(AssignmentsMessage.encode(message).finish().length);
    }),
  );
  expect(agentGateway.assignments.responseSerialize).toBe(encodeAssignments);
});

function roundOf(count: number): Round {
  const put = Array.from({ length: count }, (_, slot) => ({
    taskId: `task${slot}`,
    slot,
    address: `10.210.1.${slot}`,
  }));
  const changed = [{ serviceId: 's', put, removed: [], idle: [], noLongerIdle: [] }];
  return { ...emptyRound(7), changed };
}

test('a round is read as it was written, and a large one takes fewer bytes', () => {
  for (const count of [0, 1, 10, 1_000])
    expect(decodeRound(encodeRound(roundOf(count)))).toEqual(roundOf(count));
  expect(encodeRound(roundOf(1_000)).length).toBeLessThan(1_000 * 10);
});
