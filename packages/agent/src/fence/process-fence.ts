import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { access, mkdir, rm } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { sleep, type Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Fence, StopPlan } from './fence.ts';
import { guardScript } from './guard-script.ts';

/** Where a container's first pid and the list of its processes are found. */
export interface GuardedPaths {
  readonly pidFile: string;
  readonly procs: string;
}

export interface ProcessFenceDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  /** A directory of ours for FIFOs. */
  readonly dir: string;
  readonly paths: (id: string) => GuardedPaths;
}

/** A guard that does not stand after this long cannot be made, ms. */
const standsWithinMs = 2_000;

/** Guards that are processes of their own: one small bash a container, which the end of the agent does not concern. */
export class ProcessFence implements Fence {
  readonly #deps: ProcessFenceDeps;

  constructor(deps: ProcessFenceDeps) {
    this.#deps = deps;
  }

  now(): number {
    return Math.round(uptime() * 1_000);
  }

  async arm(id: string, until: number, stop: StopPlan): Promise<void> {
    if (this.move(id, until)) return;
    await this.#fifo(id);
    await this.#begin(id, until, stop);
    for (let waited = 0; !this.move(id, until); waited += 5) {
      if (waited > standsWithinMs)
        throw new GantryError('internal', 'the guard of a container did not stand');
      await sleep(this.#deps.clock, 5);
    }
  }

  move(id: string, until: number): boolean {
    return this.#say(id, `${Math.floor(until)}\n`);
  }

  fired(id: string): Promise<boolean> {
    return access(`${this.#path(id)}.fired`).then(
      () => true,
      () => false,
    );
  }

  async release(id: string): Promise<void> {
    this.#say(id, 'stop\n');
    const path = this.#path(id);
    await Promise.all([path, `${path}.fired`].map((file) => rm(file, { force: true })));
  }

  #path(id: string): string {
    return join(this.#deps.dir, id);
  }

  async #fifo(id: string): Promise<void> {
    await mkdir(this.#deps.dir, { recursive: true, mode: 0o700 });
    await rm(this.#path(id), { force: true });
    const { code, stderr } = await this.#deps.exec(['mkfifo', '-m', '600', this.#path(id)]);
    if (code !== 0) throw new GantryError('internal', `cannot make the FIFO of a guard: ${stderr.trim()}`);
  }

  #begin(id: string, until: number, { signal, graceMs }: StopPlan): Promise<void> {
    const { pidFile, procs } = this.#deps.paths(id);
    const times = [Math.floor(until), Math.floor(graceMs)].map(String);
    const argv = [this.#path(id), ...times, signal.replace(/^SIG/, ''), pidFile, procs];
    return new Promise((resolve, reject) => {
      const child = spawn('bash', ['-c', guardScript, 'gantry-guard', ...argv], {
        stdio: 'ignore',
        detached: true,
        env: { PATH: process.env['PATH'] },
        cwd: '/',
      });
      child.once('error', (cause) =>
        reject(new GantryError('internal', `cannot start a guard: ${cause.message}`, { cause })),
      );
      child.once('spawn', () => resolve());
      child.unref();
    });
  }

  /** False if nobody has the FIFO open, that is: no guard stands there. */
  #say(id: string, line: string): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path(id), constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      return false;
    }
    try {
      writeSync(fd, line);
    } catch {
      // Its buffer is full because it stands still: it will hear of earlier moments first, which is on the safe side.
    } finally {
      closeSync(fd);
    }
    return true;
  }
}
