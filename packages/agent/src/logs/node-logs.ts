import { watch } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { LogSpec } from '@gantry/model/logging';
import type { LogLine, LogQuery, Logs } from './logs.ts';
import { Keeper } from './keeper.ts';
import { readLog, type Changes } from './read-log.ts';
import { currentName, segmentsOf } from './segments.ts';

export interface LogsDeps {
  /** A directory a container below it. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The logs that monitors write below `dir`. */
export async function createLogs(deps: LogsDeps): Promise<Logs> {
  await mkdir(deps.dir, { recursive: true, mode: 0o700 });
  return new NodeLogs(deps);
}

class NodeLogs implements Logs {
  readonly #dir: string;
  readonly #keeper: Keeper;

  constructor({ dir, clock, log }: LogsDeps) {
    this.#dir = dir;
    this.#keeper = new Keeper(clock, log);
  }

  path(containerId: string): string {
    return join(this.#of(containerId), currentName);
  }

  async start(containerId: string): Promise<string | undefined> {
    return (await segmentsOf(this.#of(containerId)))[0]?.path;
  }

  begin(containerId: string, spec: LogSpec): Promise<void> {
    return this.#keeper.begin(containerId, this.#of(containerId), spec);
  }

  end(containerId: string): Promise<void> {
    return this.#keeper.end(containerId);
  }

  async *read(containerId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly LogLine[]> {
    const dir = this.#of(containerId);
    const changes = query.follow ? new DirectoryChanges(dir, this.#dir, signal) : undefined;
    try {
      yield* readLog(dir, query, changes);
    } finally {
      changes?.close();
    }
  }

  async remove(containerId: string): Promise<void> {
    this.#keeper.forget(containerId);
    await rm(this.#of(containerId), { recursive: true, force: true });
  }

  list(): Promise<readonly string[]> {
    return readdir(this.#dir);
  }

  close(): void {
    this.#keeper.close();
  }

  #of(containerId: string): string {
    return join(this.#dir, containerId);
  }
}

/** Tells when something in a directory changed, until the signal aborts; one that is not there yet is waited for. */
class DirectoryChanges implements Changes {
  #watcher: { close(): void };
  #pending = false;
  #done = false;
  #wake: () => void = () => undefined;

  constructor(dir: string, parent: string, signal: AbortSignal) {
    this.#watcher = this.#watch(dir) ?? this.#watchParent(dir, parent);
    if (signal.aborted) this.close();
    else signal.addEventListener('abort', () => this.close(), { once: true });
  }

  /** True once something changed since the last answer; false when there will be nothing more. */
  async next(): Promise<boolean> {
    if (!this.#pending && !this.#done) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#pending = false;
    return !this.#done;
  }

  close(): void {
    this.#done = true;
    this.#watcher.close();
    this.#wake();
  }

  #watch(dir: string): { close(): void } | undefined {
    try {
      const watcher = watch(dir, { persistent: false }, () => this.#tell());
      watcher.on('error', () => this.close());
      return watcher;
    } catch {
      return undefined;
    }
  }

  #watchParent(dir: string, parent: string): { close(): void } {
    const watcher = watch(parent, { persistent: false }, () => {
      const found = this.#watch(dir);
      if (!found) return;
      watcher.close();
      this.#watcher = found;
      this.#tell();
    });
    watcher.on('error', () => this.close());
    return watcher;
  }

  #tell(): void {
    this.#pending = true;
    this.#wake();
  }
}
