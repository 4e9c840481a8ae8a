import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { GantryError } from '@gantry/kit/errors';

/** A program of the local cluster that can be ended and started again; its output goes to a file. */
export class ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #argv: readonly string[];
  readonly #onSurprise: (name: string, how: string) => void;
  readonly #onStart: (name: string, pid: number) => void;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #expected = false;

  constructor(
    name: string,
    argv: readonly string[],
    logFile: string,
    onSurprise: (name: string, how: string) => void,
    onStart: (name: string, pid: number) => void,
  ) {
    this.name = name;
    this.logFile = logFile;
    this.#argv = argv;
    this.#onSurprise = onSurprise;
    this.#onStart = onStart;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** `more`: words for this life of it alone. */
  start(more: readonly string[] = []): void {
    if (this.#child) throw new GantryError('internal', `${this.name} runs already`);
    const [file, ...args] = this.#argv;
    if (file === undefined) throw new GantryError('internal', `${this.name} has no command`);
    const log = openSync(this.logFile, 'a');
    // Its own process group: Ctrl-C is ours to hear, the cluster ends in order.
    const child = spawn(file, [...args, ...more], { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#child = child;
    this.#expected = false;
    if (child.pid !== undefined) this.#onStart(this.name, child.pid);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => this.#gone(`cannot start: ${error.message}`, resolve));
      child.once('exit', (code, signal) => this.#gone(signal ?? `exit code ${String(code)}`, resolve));
    });
  }

  #gone(how: string, resolve: () => void): void {
    this.#child = undefined;
    resolve();
    if (!this.#expected) this.#onSurprise(this.name, how);
  }

  /** Sends the signal and, unless it only stops or continues the process, waits for the end; SIGKILL after `graceMs`. */
  async kill(signal: NodeJS.Signals, graceMs = 10_000): Promise<void> {
    const child = this.#child;
    if (!child) return;
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      child.kill(signal);
      return;
    }
    this.#expected = true;
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }
}
