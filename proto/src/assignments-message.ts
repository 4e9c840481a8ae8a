import { WireType } from '@bufbuild/protobuf/wire';
import { AgentGatewayService, AssignmentsMessage } from './gen/gantry/v1/agent.ts';

/** `rounds` of AssignmentsMessage. */
const roundsField = 300;

/**
 * As the generated code does, but for the rounds: they are bytes already, most of what a cluster is told in a burst, and the
 * writer would copy them for each host again and again while it grows.
 */
export function encodeAssignments({ rounds, ...rest }: AssignmentsMessage): Buffer {
  const writer = AssignmentsMessage.encode({ ...rest, rounds: [] });
  const parts: Uint8Array[] = [];
  for (const round of rounds) {
    parts.push(writer.tag(roundsField, WireType.LengthDelimited).uint32(round.length).finish(), round);
  }
  // Fields may come in any order.
  return Buffer.concat([...parts, writer.finish()]);
}

/** What a controller serves its agents by. */
export const agentGateway: typeof AgentGatewayService = {
  ...AgentGatewayService,
  assignments: { ...AgentGatewayService.assignments, responseSerialize: encodeAssignments },
};
