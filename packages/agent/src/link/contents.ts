import { status as grpcStatus } from '@grpc/grpc-js';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import { versionId } from '@gantry/model/content';
import type { AgentGatewayClient } from '@gantry/proto/gen/gantry/v1/agent';
import type { FetchContent } from '../contents/contents.ts';
import { unary } from './call.ts';

/** A mebibyte over a slow way takes its time, ms. */
const fetchMs = 30_000;

/** Configs and secrets as the controller gives them, in the session of the moment. */
export class ContentSource {
  readonly #clock: Clock;
  #session: { readonly id: string; readonly client: AgentGatewayClient } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  use(id: string, client: AgentGatewayClient): void {
    this.#session = { id, client };
  }

  /** Throws `unreachable` while the controller cannot be asked, `not_allowed` with its words when it refuses. */
  readonly fetch: FetchContent = async (taskId, { kind, source, number = 0 }) => {
    const what = `${kind} ${versionId(source, number)}`;
    if (!this.#session)
      throw new GantryError('unreachable', `${what} cannot be had: no controller is connected`);
    const { id, client } = this.#session;
    const request = { sessionId: id, taskId, kind, name: source, number };
    try {
      return (await unary(client.fetchContent.bind(client), request, this.#clock, fetchMs)).value;
    } catch (cause) {
      throw refusal(what, cause);
    }
  };
}

function refusal(what: string, cause: unknown): GantryError {
  const { code, details } = cause as { readonly code?: number; readonly details?: string };
  const words = details || String(cause);
  const refused = code === grpcStatus.FAILED_PRECONDITION;
  return new GantryError(refused ? 'not_allowed' : 'unreachable', `${what} cannot be had: ${words}`, {
    cause,
  });
}
