import { watch } from 'node:fs';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLine } from './k8s-file.ts';
import type { LogLine, LogQuery, Logs } from './logs.ts';

const chunkBytes = 64 << 10;

/** The logs that monitors write below `dir`, one file a container. */
export async function createLogs(dir: string): Promise<Logs> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return new NodeLogs(dir);
}

class NodeLogs implements Logs {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  path(containerId: string): string {
    return join(this.#dir, `${containerId}.log`);
  }

  async *read(containerId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly LogLine[]> {
    const path = this.path(containerId);
    const changes = query.follow ? new Changes(this.#dir, signal) : undefined;
    try {
      const file = await this.#open(path, changes);
      if (!file) return;
      try {
        yield* follow(file, path, query, changes);
      } finally {
        await file.close();
      }
    } finally {
      changes?.close();
    }
  }

  /** Waits for the file when following: the container may not have begun. */
  async #open(path: string, changes: Changes | undefined): Promise<FileHandle | undefined> {
    for (;;) {
      const file = await open(path, 'r').catch(() => undefined);
      if (file || !(await changes?.next())) return file;
    }
  }

  async remove(containerId: string): Promise<void> {
    await rm(this.path(containerId), { force: true });
  }

  async list(): Promise<readonly string[]> {
    const names = await readdir(this.#dir);
    return names.filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -'.log'.length));
  }
}

async function* follow(
  file: FileHandle,
  path: string,
  { tail, since }: LogQuery,
  changes: Changes | undefined,
): AsyncGenerator<readonly LogLine[]> {
  let at = tail === undefined ? 0 : await startOfTail(file, tail);
  let rest: Buffer = Buffer.alloc(0);
  const buffer = Buffer.alloc(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, at);
    if (bytesRead === 0) {
      if (!changes || !(await exists(path)) || !(await changes.next())) return;
      continue;
    }
    at += bytesRead;
    const [lines, left] = split(Buffer.concat([rest, buffer.subarray(0, bytesRead)]));
    rest = left;
    const parsed = lines.flatMap((line) => parseLine(line) ?? []);
    const wanted = since === undefined ? parsed : parsed.filter((line) => line.at >= since);
    if (wanted.length > 0) yield wanted;
  }
}

/** Whole lines, and what follows the last of them. */
function split(bytes: Buffer): readonly [lines: readonly Buffer[], rest: Buffer] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return [lines, bytes.subarray(from)];
}

/** Where the last `count` lines begin; reads from the end backwards. */
async function startOfTail(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(chunkBytes);
  // The newline at the very end closes the last line; one more opens the first that is wanted.
  let wanted = count + 1;
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(buffer, 0, end - from, from);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (buffer[at] === 0x0a && --wanted === 0) return from + at + 1;
    }
    end = from;
  }
  return 0;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Tells when something in the directory changed, until the signal aborts. */
class Changes {
  readonly #watcher;
  #pending = false;
  #done = false;
  #wake: () => void = () => undefined;

  constructor(dir: string, signal: AbortSignal) {
    this.#watcher = watch(dir, { persistent: false }, () => this.#tell());
    this.#watcher.on('error', () => this.close());
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

  #tell(): void {
    this.#pending = true;
    this.#wake();
  }
}
