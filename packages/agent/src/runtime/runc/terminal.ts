import { Readable, Writable } from 'node:stream';
import type { IPty } from '@lydell/node-pty';
import type { TerminalSize } from '../execution.ts';
import type { Carrier } from './exec.ts';

/** Runs an argv with a terminal of its own; `runc exec --tty` copies between it and the container's. */
export async function spawnWithTerminal(argv: readonly string[], size: TerminalSize): Promise<Carrier> {
  // Loaded when it is first needed: a native part that most agents never use.
  const { spawn } = await import('@lydell/node-pty');
  const [file = '', ...args] = argv;
  const terminal = spawn(file, args, { name: 'xterm', cols: size.columns, rows: size.rows, encoding: null });
  const output = readFrom(terminal);
  let ended = false;
  const exit = new Promise<number>((resolve) => {
    terminal.onExit(({ exitCode, signal }) => {
      ended = true;
      output.push(null);
      resolve(signal ? 128 + signal : exitCode);
    });
  });
  return {
    input: writeTo(terminal, () => ended),
    output,
    exit,
    resize: ({ rows, columns }) => !ended && terminal.resize(columns, rows),
    kill: (signal) => !ended && terminal.kill(signal),
  };
}

function readFrom(terminal: IPty): Readable {
  const output = new Readable({ read: () => terminal.resume() });
  terminal.onData((data: string | Buffer) => {
    if (!output.push(data)) terminal.pause();
  });
  return output;
}

/** The end of the input is what a person types for it: Ctrl-D. */
function writeTo(terminal: IPty, ended: () => boolean): Writable {
  const send = (data: string | Buffer): void => {
    if (!ended()) terminal.write(data as string);
  };
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      send(chunk);
      done();
    },
    final: (done) => {
      send('\x04');
      done();
    },
  });
}
