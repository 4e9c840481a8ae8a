import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { ExecPlan, Execution, TerminalSize } from '../execution.ts';
import { startTimeOf } from '@gantry/kit/process';
import { readPid } from './monitor.ts';
import { signalNumber } from './signals.ts';
import { spawnWithTerminal } from './terminal.ts';
import { writeTerminalProcess } from './terminal-process.ts';

export interface ExecDeps {
  readonly clock: Clock;
  readonly runc: string;
  readonly runcRoot: string;
  /** Directory of the container's files; pid files of executions are kept in it. */
  readonly bundle: string;
}

/** How long a process has between SIGHUP and SIGKILL when its user is gone, ms. */
const hangUpMs = 1_000;
/** How long runc may take to start a process, ms. */
const startMs = 10_000;
/** What is kept of the end of the output, to tell why runc failed, bytes. */
const tailBytes = 2_000;

/** The `runc exec` at work, whatever carries its input and output. */
export interface Carrier {
  readonly input: Writable;
  readonly output: Readable;
  readonly errors?: Readable;
  /** runc's own exit code. */
  readonly exit: Promise<number>;
  resize(size: TerminalSize): void;
  kill(signal: NodeJS.Signals): void;
}

/** Files of executions begin so; what is left of them is of an agent that was killed. */
export const execFilePrefix = 'exec-';

/** Starts one more process in a running container. `key` names its files: no two at once may be the same. */
export async function startExecution(
  deps: ExecDeps,
  id: string,
  key: string,
  plan: ExecPlan,
): Promise<Execution> {
  const pidFile = join(deps.bundle, `${execFilePrefix}${key}.pid`);
  // Its log elsewhere, runc says what failed in plain words.
  const argv = [deps.runc, '--root', deps.runcRoot, '--log', '/dev/null', 'exec', '--pid-file', pidFile];
  if (!plan.tty) {
    const carrier = spawnWithPipes([...argv, ...flagsOf(plan), '--', id, ...plan.argv]);
    return new RuncExecution(deps, [pidFile], carrier);
  }
  const processFile = join(deps.bundle, `${execFilePrefix}${key}.json`);
  await writeTerminalProcess(deps.bundle, processFile, plan, plan.tty);
  const carrier = await spawnWithTerminal([...argv, '--tty', '--process', processFile, id], plan.tty);
  return new RuncExecution(deps, [pidFile, processFile], carrier);
}

function flagsOf(plan: ExecPlan): readonly string[] {
  return [
    ...(plan.cwd !== undefined ? ['--cwd', plan.cwd] : []),
    ...(plan.user !== undefined ? ['--user', plan.user] : []),
    ...(plan.env ?? []).flatMap((line) => ['--env', line]),
  ];
}

function spawnWithPipes(argv: readonly string[]): Carrier {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined); // it may end before it has read everything
  const exit = new Promise<number>((resolve) => {
    child.once('error', () => resolve(255));
    child.once('close', (code, signal) =>
      resolve(code ?? (signal === null ? 255 : 128 + Number(signalNumber(signal)))),
    );
  });
  return {
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    exit,
    resize: () => undefined,
    kill: (signal) => child.kill(signal),
  };
}

class RuncExecution implements Execution {
  readonly #deps: ExecDeps;
  /** Made for this execution, gone with it; the pid file is the first. */
  readonly #files: readonly [pidFile: string, ...others: string[]];
  readonly #carrier: Carrier;
  readonly input: Writable;
  readonly output: Readable;
  readonly errors?: Readable;
  readonly exit: Promise<number>;
  #ended = false;
  #closing: Promise<void> | undefined;
  /** The last words of stderr (of everything, with a terminal). */
  #tail = '';

  constructor(deps: ExecDeps, files: readonly [pidFile: string, ...others: string[]], carrier: Carrier) {
    this.#deps = deps;
    this.#files = files;
    this.#carrier = carrier;
    this.input = carrier.input;
    if (carrier.errors) {
      this.output = carrier.output;
      this.errors = this.#listened(carrier.errors);
    } else this.output = this.#listened(carrier.output);
    this.exit = carrier.exit.then((code) => this.#exitCode(code));
  }

  /** The same stream, heard on its way: a reader that is slow still slows the writer. */
  #listened(stream: Readable): Readable {
    const heard = new PassThrough();
    stream.on('data', (chunk: Buffer) => {
      this.#tail = (this.#tail + chunk.toString('utf8')).slice(-tailBytes);
      if (!heard.write(chunk)) stream.pause();
    });
    heard.on('drain', () => stream.resume());
    stream.on('end', () => heard.end()).on('error', () => heard.end());
    return heard;
  }

  async #exitCode(code: number): Promise<number> {
    this.#ended = true;
    const started = (await readPid(this.#files[0])) !== undefined;
    await Promise.all(this.#files.map((file) => rm(file, { force: true })));
    return started ? code : failureCode(this.#tail);
  }

  resize(size: TerminalSize): void {
    if (!this.#ended) this.#carrier.resize(size);
  }

  async signal(name: string): Promise<void> {
    const pid = await this.#pid();
    if (pid !== undefined) send(pid, signalNumber(name));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.input.end();
    for (const stream of [this.output, this.errors]) stream?.resume();
    const pid = await this.#pid();
    // runc makes it the leader of a session and of a process group of its own.
    if (pid !== undefined) send(-pid, 'SIGHUP');
    if (!(await this.#endedWithin(hangUpMs))) {
      if (pid !== undefined) send(-pid, 'SIGKILL');
      if (!(await this.#endedWithin(hangUpMs))) this.#carrier.kill('SIGKILL');
    }
    await this.exit;
  }

  /** Its pid on the host, once runc has started it; undefined if it has ended. */
  async #pid(): Promise<number | undefined> {
    const deadline = this.#deps.clock.monotonic() + startMs;
    while (!this.#ended && this.#deps.clock.monotonic() < deadline) {
      const pid = await readPid(this.#files[0]);
      if (pid !== undefined) return (await startTimeOf(pid)) === undefined ? undefined : pid;
      await new Promise<void>((resolve) => this.#deps.clock.after(5, resolve));
    }
    return undefined;
  }

  async #endedWithin(ms: number): Promise<boolean> {
    const timeout = new Promise<boolean>((resolve) => this.#deps.clock.after(ms, () => resolve(false)));
    return Promise.race([this.exit.then(() => true), timeout]);
  }
}

/** Docker's codes for what never ran. */
function failureCode(said: string): number {
  if (/executable file not found|no such file or directory/.test(said)) return 127;
  return /permission denied|exec format error|is a directory/.test(said) ? 126 : 125;
}

function send(pid: number, signal: number | string): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended by itself
  }
}
