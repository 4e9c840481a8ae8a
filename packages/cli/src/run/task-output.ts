import { status, type ServiceError } from '@grpc/grpc-js';
import type { LogEntry, LogsResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { Client } from '../client.ts';
import type { Io } from '../io.ts';

/** Everything that one task writes, each line once and on its own stream, while it runs and up to its end. */
export class TaskOutput {
  readonly taskId: string;
  readonly #client: Client;
  readonly #io: Pick<Io, 'stdout' | 'stderr'>;
  #hangUp: () => void = () => undefined;
  /** Time of the newest line, and how many lines of that time were shown. */
  #at = 0;
  #sameTime = 0;
  #closed = false;

  constructor(client: Client, io: Pick<Io, 'stdout' | 'stderr'>, taskId: string) {
    this.#client = client;
    this.#io = io;
    this.taskId = taskId;
  }

  /** Shows what is written and what comes; a stream that breaks is left to `finish`. */
  follow(): void {
    const stream = this.#open(true);
    this.#hangUp = () => stream.cancel();
    stream.on('data', ({ entries }: LogsResponse) => {
      if (!this.#closed) this.#show(entries);
    });
    stream.on('error', () => undefined);
  }

  /** The task has ended: shows what has not been shown. Rejects if the log cannot be read. */
  finish(): Promise<void> {
    this.#closed = true;
    this.#hangUp();
    return new Promise((resolve, reject) => {
      const stream = this.#open(false);
      let known = this.#sameTime;
      const from = this.#at;
      stream.on('data', ({ entries, warnings }: LogsResponse) => {
        for (const words of warnings) this.#io.stderr.write(`warning: ${words}\n`);
        this.#show(entries.filter(({ line }) => line?.at !== from || known-- <= 0));
      });
      stream.on('error', (error: ServiceError) => {
        if (error.code === status.CANCELLED) resolve();
        else reject(this.#client.explain(error));
      });
      stream.on('end', resolve);
    });
  }

  close(): void {
    this.#closed = true;
    this.#hangUp();
  }

  #open(follow: boolean) {
    return this.#client.control.logs({
      names: [this.taskId],
      options: { follow, previous: false, ...(this.#at > 0 && { since: this.#at }) },
    });
  }

  #show(entries: readonly LogEntry[]): void {
    for (const { line } of entries) {
      if (!line) continue;
      this.#sameTime = line.at === this.#at ? this.#sameTime + 1 : 1;
      this.#at = line.at;
      const to = line.stream === 'stderr' ? this.#io.stderr : this.#io.stdout;
      to.write(line.text);
      to.write('\n');
    }
  }
}
