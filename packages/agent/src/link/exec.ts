import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Readable } from 'node:stream';
import type { AgentGatewayClient, ExecUp } from '@gantry/proto/gen/gantry/v1/agent';
import type { ExecIn, ExecOpen, ExecOut } from '@gantry/proto/gen/gantry/v1/exec';
import type { ExecPlan, Execution } from '../runtime/execution.ts';
import type { Runtime } from '../runtime/runtime.ts';

type Call = ClientDuplexStream<ExecUp, ExecIn>;

/** Bytes of one message: well below what gRPC takes. */
const maxChunk = 64 << 10;

/** Dials the controller for one process that a user wants in a container, and serves it until either side ends. */
export function serveExec(
  client: AgentGatewayClient,
  sessionId: string,
  streamId: string,
  runtime: Pick<Runtime, 'exec'>,
  onEnd: () => void,
): { close(): void } {
  const call = client.exec();
  call.write({ body: { $case: 'hello', value: { sessionId, streamId } } });
  let execution: Promise<Execution> | undefined;
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    call.cancel();
    onEnd();
    // It is gone with its user: nobody reads what it says.
    execution?.then((running) => running.close()).catch(() => undefined);
  };
  call.on('error', close).on('close', close);
  call.on('end', close);
  call.once('data', ({ body }: ExecIn) => {
    if (body?.$case !== 'open') return close();
    call.pause();
    execution = runtime.exec(body.value.task, planOf(body.value));
    execution.then(
      (running) => void serve(call, running),
      (error: unknown) => refuse(call, error),
    );
  });
  return { close };
}

function planOf({ argv, tty, env, cwd, user }: ExecOpen): ExecPlan {
  return {
    argv,
    env: tty ? ['TERM=xterm', ...env] : env,
    ...(tty && { tty: { rows: tty.rows, columns: tty.columns } }),
    ...(cwd !== undefined && { cwd }),
    ...(user !== undefined && { user }),
  };
}

async function serve(call: Call, execution: Execution): Promise<void> {
  const { input } = execution;
  input.on('error', () => undefined); // it may end before it has read everything
  call.on('data', ({ body }: ExecIn) => {
    switch (body?.$case) {
      case 'input':
        if (!input.writableEnded && !input.write(body.value)) {
          call.pause();
          input.once('drain', () => call.resume()).once('close', () => call.resume());
        }
        return;
      case 'endOfInput':
        input.end();
        return;
      case 'resize':
        return execution.resize(body.value);
      case 'signal':
        void execution.signal(body.value);
        return;
      case 'open':
      case undefined:
        return;
    }
  });
  call.resume();
  const code = await sendOutput(call, execution);
  send(call, { body: { $case: 'exit', value: code } });
  call.end();
}

async function sendOutput(call: Call, execution: Execution): Promise<number> {
  const { output, errors } = execution;
  const streams = [pass(call, output, 'output'), ...(errors ? [pass(call, errors, 'errors')] : [])];
  await Promise.all(streams);
  return execution.exit;
}

/** Passes a stream on to its end; a wire that is full slows the process. */
async function pass(call: Call, stream: Readable, kind: 'output' | 'errors'): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += maxChunk) {
      const part = chunk.subarray(at, at + maxChunk);
      if (!send(call, { body: { $case: kind, value: part } })) await drained(call);
    }
  }
}

function refuse(call: Call, error: unknown): void {
  const words = error instanceof Error ? error.message : String(error);
  send(call, { body: { $case: 'errors', value: Buffer.from(`${words}\n`) } });
  send(call, { body: { $case: 'exit', value: 125 } });
  call.end();
}

/** False when the wire is full. What is said to a call that has ended is dropped. */
function send(call: Call, out: ExecOut): boolean {
  return call.destroyed || call.write({ body: { $case: 'out', value: out } });
}

function drained(call: Call): Promise<void> {
  return new Promise((resolve) => {
    if (call.destroyed) return resolve();
    const done = (): void => {
      call.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    call.on('drain', done).on('close', done).on('error', done);
  });
}
