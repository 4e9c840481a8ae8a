import { status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';
import type { ExecIn, ExecOpen, ExecOut } from '@gantry/proto/gen/gantry/v1/exec';
import type { Client } from '../client.ts';
import { withContext } from '../context.ts';
import type { Io, Screen } from '../io.ts';
import type { GlobalOptions } from '../options.ts';

export interface ExecOptions extends GlobalOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
}

/** `gantry exec SERVICE[.SLOT] [-it] -- CMD`: resolves with the exit code of the process. */
export function execCommand(
  io: Io,
  options: ExecOptions,
  task: string,
  argv: readonly string[],
): Promise<number> {
  const tty = options.tty ? { rows: io.stdout.rows ?? 24, columns: io.stdout.columns ?? 80 } : undefined;
  if (tty && io.stdout.isTTY !== true)
    throw new GantryError('invalid', 'there is no terminal here', { hint: 'leave out -t' });
  if (options.user !== undefined && !/^\d+(:\d+)?$/.test(options.user))
    throw new GantryError('invalid', `user "${options.user}" is not understood`, {
      hint: 'write UID or UID:GID',
    });
  const open: ExecOpen = {
    task,
    argv: [...argv],
    tty,
    env: [...(options.env ?? [])],
    cwd: options.workdir,
    user: options.user,
  };
  return withContext(io, options, async ({ client }) => {
    const restore = tty && options.interactive ? io.stdin.setRawMode?.(true) : undefined;
    try {
      return await runRemote(client, open, {
        input: options.interactive ? io.stdin : undefined,
        output: io.stdout,
        errors: io.stderr,
        resized: tty && io.stdout,
        onInterrupt: tty ? undefined : io.onInterrupt.bind(io),
      });
    } finally {
      if (restore) io.stdin.setRawMode?.(false);
      io.stdin.pause();
    }
  });
}

/** What a process elsewhere reads and writes here. */
export interface RemoteStreams {
  readonly input: NodeJS.ReadableStream | undefined;
  readonly output: NodeJS.WritableStream;
  readonly errors: NodeJS.WritableStream;
  /** A screen whose size the process should know. */
  readonly resized: Screen | undefined;
  /** How Ctrl-C is heard; it is passed on as SIGINT. */
  readonly onInterrupt: Io['onInterrupt'] | undefined;
}

/** Runs a process in a task's container with these streams; resolves with its exit code, rejects if it cannot be reached. */
export function runRemote(client: Client, open: ExecOpen, streams: RemoteStreams): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = client.control.exec();
    let code: number | undefined;
    const send = (body: NonNullable<ExecIn['body']>): boolean => call.write({ body });
    send({ $case: 'open', value: open });
    if (!streams.input) send({ $case: 'endOfInput', value: true });
    const cleanUp = streams.input ? [sendInput(call, streams.input)] : [];
    cleanUp.push(followSize(streams.resized, send));
    if (streams.onInterrupt) cleanUp.push(hearInterrupts(streams.onInterrupt, send));
    call.on('data', ({ body }: ExecOut) => {
      if (body?.$case === 'exit') code = body.value;
      else if (body) show(call, body.$case === 'output' ? streams.output : streams.errors, body.value);
    });
    const ended = (finish: () => void) => (): void => {
      for (const undo of cleanUp.splice(0)) undo();
      finish();
    };
    call.on('error', (error: ServiceError) => {
      if (error.code === status.CANCELLED && code !== undefined) return;
      ended(() => reject(client.explain(error)))();
    });
    call.on(
      'end',
      ended(() => {
        call.end();
        if (code !== undefined) resolve(code);
        else reject(new GantryError('unreachable', 'the connection to the process was lost'));
      }),
    );
  });
}

type Call = ClientDuplexStream<ExecIn, ExecOut>;

/** Shows bytes; a screen that is slow slows the process. */
function show(call: Call, screen: NodeJS.WritableStream, bytes: Buffer): void {
  if (screen.write(bytes)) return;
  call.pause();
  screen.once('drain', () => call.resume());
}

function sendInput(call: Call, input: NodeJS.ReadableStream): () => void {
  const onData = (chunk: Buffer | string): void => {
    const value = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!call.write({ body: { $case: 'input', value } })) input.pause();
  };
  const onEnd = (): void => void call.write({ body: { $case: 'endOfInput', value: true } });
  const onDrain = (): void => void input.resume();
  input.on('data', onData).on('end', onEnd);
  call.on('drain', onDrain);
  return () => {
    input.off('data', onData).off('end', onEnd).pause();
    call.off('drain', onDrain);
  };
}

function followSize(
  screen: Screen | undefined,
  send: (body: NonNullable<ExecIn['body']>) => boolean,
): () => void {
  if (!screen) return () => undefined;
  const onResize = (): void => {
    const { rows = 24, columns = 80 } = screen;
    send({ $case: 'resize', value: { rows, columns } });
  };
  screen.on('resize', onResize);
  return () => screen.off('resize', onResize);
}

/** Each Ctrl-C is one SIGINT for the process; the command ends with it. */
function hearInterrupts(
  onInterrupt: Io['onInterrupt'],
  send: (body: NonNullable<ExecIn['body']>) => boolean,
): () => void {
  let deafen: () => void = () => undefined;
  const listen = (): void => {
    deafen = onInterrupt(() => {
      send({ $case: 'signal', value: 'SIGINT' });
      listen();
    });
  };
  listen();
  return () => deafen();
}
