import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from './errors.ts';
import { exec as ownExec, type Exec, type ExecOptions, type ExecResult } from './exec.ts';
import { ShellLane } from './shell-lane.ts';

/** Shells that work at once and are kept for the commands to come, each about a megabyte: more would wait for the processors. */
const kept = 8;
/** A command waits this long for one of them, ms. Then it gets one more: what hangs keeps no other waiting. */
const patienceMs = 200;

/** Starts a host's many short commands through shells, at a fraction of what this process would pay to copy itself. */
export class Launcher {
  readonly #dir: string;
  readonly #idle: ShellLane[] = [];
  readonly #waiting = new Set<() => void>();
  #busy = 0;
  #made = 0;
  #closed = false;

  /** `dir` is its own, for the streams of commands: best in memory (/run). What an earlier life left there is removed. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(dir)) rmSync(join(dir, name), { force: true });
  }

  /** As `exec`, with an environment of PATH alone. What can be aborted or is exposed is a child of this process, as ever. */
  readonly exec: Exec = (argv, options = {}) =>
    options.signal || options.exposed || this.#closed ? ownExec(argv, options) : this.#run(argv, options);

  /** Ends the shells; commands that run go on to their end. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#idle.splice(0)) lane.close();
    if (this.#busy === 0) this.#removeDir();
  }

  #removeDir(): void {
    try {
      rmdirSync(this.#dir);
    } catch {
      // A command of an earlier life, killed meanwhile, may still say something there: the next life removes it.
    }
  }

  async #run(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    const lane = await this.#take();
    try {
      const result = await lane.run(argv, options);
      // A shell's word for a program that is not there.
      if (result.code === 127)
        throw new GantryError('internal', `cannot run ${argv[0] ?? ''}: ${result.stderr.trim()}`);
      return result;
    } finally {
      this.#giveBack(lane);
    }
  }

  async #take(): Promise<ShellLane> {
    if (this.#busy >= kept) await this.#turn();
    this.#busy++;
    for (let lane = this.#idle.pop(); lane; lane = this.#idle.pop()) if (lane.usable) return lane;
    return new ShellLane(join(this.#dir, `${process.pid}-${this.#made++}`));
  }

  /** Resolves when one is free, or has not become so for long. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, patienceMs);
      this.#waiting.add(go);
    });
  }

  #giveBack(lane: ShellLane): void {
    this.#busy--;
    if (!this.#closed && lane.usable && this.#idle.length < kept) this.#idle.push(lane);
    else lane.close();
    if (this.#closed && this.#busy === 0) this.#removeDir();
    for (const go of this.#waiting) return go();
  }
}
