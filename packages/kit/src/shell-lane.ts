import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { GantryError } from './errors.ts';
import type { ExecOptions, ExecResult } from './exec.ts';
import { shellCommand, type OutputFiles } from './shell-command.ts';

interface Pending {
  readonly said: (code: number) => void;
  readonly lost: (error: GantryError) => void;
}

/**
 * One shell that runs one command after another. Node starts a process by copying itself, page tables and all: milliseconds for
 * an agent of 100 MB. A shell is a hundred times smaller and starts processes without a copy (vfork).
 */
export class ShellLane {
  readonly #shell: ChildProcess;
  readonly #files: OutputFiles;
  readonly #outputs: readonly [stdout: number, stderr: number];
  #pending: Pending | undefined;
  #said = '';
  #usable = true;

  /** What its commands say goes into files named from `path`; its environment holds PATH alone. */
  constructor(path: string) {
    this.#files = { stdout: `${path}.out`, stderr: `${path}.err` };
    this.#outputs = [openSync(this.#files.stdout, 'w+', 0o600), openSync(this.#files.stderr, 'w+', 0o600)];
    // A session of its own: Ctrl-C is the agent's to hear. When the agent is gone, its stdin ends, and it ends.
    this.#shell = spawn('/bin/sh', [], {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
      env: { PATH: process.env['PATH'] },
    });
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.stdout?.on('data', (chunk: Buffer) => this.#hear(chunk.toString('latin1')));
    this.#shell.on('error', (error) => this.#lost(error.message));
    this.#shell.on('exit', (code, signal) => this.#lost(`it ended with ${signal ?? String(code)}`));
    // One that waits for commands is no reason for this process to go on.
    this.#shell.unref();
    this.#hold(false);
  }

  /** False once it should be given nothing more. */
  get usable(): boolean {
    return this.#usable;
  }

  /** One command at a time. `unknown_outcome` if the shell is lost meanwhile, `timeout` as `exec`. */
  async run(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    const command = shellCommand(argv, this.#files, options);
    this.#hold(true);
    const code = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => this.#late(argv), options.timeoutMs ?? 30_000);
      this.#pending = {
        said: (value) => resolve((clearTimeout(timer), value)),
        lost: (error) => reject((clearTimeout(timer), error)),
      };
      this.#shell.stdin?.write(command);
    }).finally(() => this.#hold(false));
    const limit = options.maxOutput ?? 1 << 20;
    const [stdout, stderr] = this.#outputs;
    return { code, stdout: textOf(stdout, limit), stderr: textOf(stderr, limit) };
  }

  /** Ends the shell after what it does now. Idempotent. */
  close(): void {
    if (!this.#usable) return;
    this.#usable = false;
    this.#shell.stdin?.end();
    this.#outputs.forEach((fd) => closeSync(fd));
    for (const file of [this.#files.stdout, this.#files.stderr]) rmSync(file, { force: true });
  }

  /** Whether this process lives at least as long as what the shell does now. */
  #hold(held: boolean): void {
    for (const stream of [this.#shell.stdin, this.#shell.stdout]) {
      if (!(stream instanceof Socket)) continue;
      if (held) stream.ref();
      else stream.unref();
    }
  }

  #hear(text: string): void {
    this.#said += text;
    if (!this.#said.endsWith('\n')) return;
    const code = Number(this.#said);
    this.#said = '';
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.said(code);
  }

  /** The command is killed, and the shell goes when it can: one that waits for a disk may never end. */
  #late(argv: readonly string[]): void {
    for (const pid of childrenOf(this.#shell.pid)) kill(pid);
    this.#fail(new GantryError('timeout', `${argv.slice(0, 2).join(' ')} did not end in time`));
  }

  #lost(why: string): void {
    this.#fail(
      new GantryError('unknown_outcome', `the shell that starts this host's commands was lost: ${why}`),
    );
  }

  #fail(error: GantryError): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.lost(error);
    this.close();
  }
}

function textOf(fd: number, limit: number): string {
  const size = Math.min(limit, fstatSync(fd).size);
  if (size === 0) return '';
  const buffer = Buffer.allocUnsafe(size);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, size, 0));
}

function childrenOf(pid: number | undefined): readonly number[] {
  if (pid === undefined) return [];
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it is gone, or the kernel does not tell: then the command has its time
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
