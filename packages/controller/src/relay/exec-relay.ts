import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { NodeId } from '@gantry/model/ids';
import { failCall } from '@gantry/proto/fail-call';
import type { ExecUp } from '@gantry/proto/gen/gantry/v1/agent';
import type { ExecIn, ExecOpen, ExecOut } from '@gantry/proto/gen/gantry/v1/exec';
import { pipeMessages } from './pipe.ts';

export type AgentExecCall = ServerDuplexStream<ExecUp, ExecIn>;
export type UserExecCall = ServerDuplexStream<ExecIn, ExecOut>;

/** An agent that was asked dials within, ms. */
const dialMs = 5_000;

interface Waiting {
  readonly nodeId: NodeId;
  readonly join: (call: AgentExecCall) => void;
  readonly fail: (error: GantryError) => void;
}

/** Joins a user's call with the one that the task's agent dials for it: bytes pass, and the end of one is the end of both. */
export class ExecRelay {
  readonly #waiting = new Map<string, Waiting>();
  readonly #newId: () => string;
  readonly #clock: Clock;

  constructor(newId: () => string, clock: Clock) {
    this.#newId = newId;
    this.#clock = clock;
  }

  /** Asks the agent (by `ask`, with the stream's id) and joins the user's call with its; `fail` hears why not. */
  open(
    nodeId: NodeId,
    user: UserExecCall,
    open: ExecOpen,
    ask: (streamId: string) => void,
    fail: (error: GantryError) => void,
  ): void {
    const streamId = this.#newId();
    const cancel = this.#clock.after(dialMs, () => {
      if (this.#waiting.delete(streamId))
        fail(new GantryError('unreachable', 'the host of the task did not answer in time'));
    });
    user.once('cancelled', () => {
      cancel();
      this.#waiting.delete(streamId);
    });
    const join = (agent: AgentExecCall): void => {
      cancel();
      joinCalls(user, agent, open, fail);
    };
    this.#waiting.set(streamId, { nodeId, join, fail });
    ask(streamId);
  }

  /** Takes an agent's call; its first message says which stream it is for. */
  accept(call: AgentExecCall, nodeOf: (sessionId: string) => NodeId | undefined): void {
    call.on('error', () => undefined);
    call.once('data', ({ body }: ExecUp) => {
      const hello = body?.$case === 'hello' ? body.value : undefined;
      const waiting = hello && this.#waiting.get(hello.streamId);
      if (!waiting || nodeOf(hello.sessionId) !== waiting.nodeId) {
        endWith(call, status.NOT_FOUND, 'nobody waits for this stream');
        return;
      }
      this.#waiting.delete(hello.streamId);
      waiting.join(call);
    });
  }
}

function joinCalls(
  user: UserExecCall,
  agent: AgentExecCall,
  open: ExecOpen,
  fail: (error: GantryError) => void,
): void {
  let done = false;
  agent.write({ body: { $case: 'open', value: open } });
  pipeMessages(user, agent, (message: ExecIn) => message);
  pipeMessages(agent, user, ({ body }: ExecUp) => {
    if (body?.$case !== 'out') return undefined;
    if (body.value.body?.$case === 'exit') done = true;
    return body.value;
  });
  user.resume();
  user.once('cancelled', () => endWith(agent, status.CANCELLED, 'the user hung up'));
  // A user that will send no more has not hung up: what the process says still counts.
  agent.once('end', () => {
    agent.end();
    if (done) user.end();
    else fail(new GantryError('unreachable', 'the host of the task is no longer connected'));
  });
  agent.once('cancelled', () => {
    if (!done) fail(new GantryError('unreachable', 'the host of the task is no longer connected'));
  });
}

function endWith(call: AgentExecCall, code: status, details: string): void {
  failCall(call, Object.assign(new Error(details), { code, details }));
}
