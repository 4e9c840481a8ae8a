import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { RelayDown, RelayOpenLogs, RelayUp } from '@gantry/proto/gen/gantry/v1/agent';
import type { RelayVolumesOrder } from '@gantry/proto/gen/gantry/v1/volume';
import type { Logs, LogQuery } from '../logs/logs.ts';
import { carryOut, type OrderedVolumes } from './volume-orders.ts';

/** Serves one process; calls `onEnd` once it is over. */
export type ServeExec = (streamId: string, onEnd: () => void) => { close(): void };

/** Answers the controller's orders for live streams on one call; ends with it. */
export class Relay {
  readonly #stream: ClientDuplexStream<RelayUp, RelayDown>;
  readonly #logs: Logs;
  readonly #volumes: OrderedVolumes;
  readonly #open = new Map<string, AbortController>();
  /** Processes that users run in containers, each on a call of its own. */
  readonly #executions = new Set<{ close(): void }>();
  readonly #serveExec: ServeExec;

  /** `serveExec` dials the controller for one process; the relay closes it when it ends. */
  constructor(
    stream: ClientDuplexStream<RelayUp, RelayDown>,
    logs: Logs,
    volumes: OrderedVolumes,
    serveExec: ServeExec,
  ) {
    this.#stream = stream;
    this.#logs = logs;
    this.#volumes = volumes;
    this.#serveExec = serveExec;
    stream.on('data', (order: RelayDown) => this.#take(order));
  }

  close(): void {
    for (const abort of this.#open.values()) abort.abort();
    this.#open.clear();
    for (const execution of [...this.#executions]) execution.close();
  }

  #take({ body }: RelayDown): void {
    switch (body?.$case) {
      case 'openLogs':
        void this.#sendLogs(body.value);
        return;
      case 'cancel':
        this.#open.get(body.value.streamId)?.abort();
        this.#open.delete(body.value.streamId);
        return;
      case 'openExec': {
        const execution = this.#serveExec(body.value.streamId, () => this.#executions.delete(execution));
        this.#executions.add(execution);
        return;
      }
      case 'volumesOrder':
        void this.#orderVolumes(body.value);
        return;
      case undefined:
        return;
    }
  }

  async #orderVolumes(order: RelayVolumesOrder): Promise<void> {
    const results = await carryOut(this.#volumes, order);
    await this.#write({ body: { $case: 'volumesAnswer', value: { streamId: order.streamId, results } } });
  }

  async #sendLogs({ streamId, taskId, options }: RelayOpenLogs): Promise<void> {
    const abort = new AbortController();
    this.#open.set(streamId, abort);
    const query: LogQuery = {
      follow: options?.follow ?? false,
      ...(options?.tail !== undefined && { tail: options.tail }),
      ...(options?.since !== undefined && { since: options.since }),
    };
    let error = '';
    try {
      for await (const lines of this.#logs.read(taskId, query, abort.signal)) {
        const wire = lines.map(({ at, stream, text }) => ({ taskId, at, stream, text: Buffer.from(text) }));
        await this.#write({ body: { $case: 'logLines', value: { streamId, lines: wire } } });
      }
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    }
    this.#open.delete(streamId);
    if (!abort.signal.aborted) await this.#write({ body: { $case: 'end', value: { streamId, error } } });
  }

  /** Waits while the wire is full: a slow reader slows the reading of the file, and fills no memory. */
  #write(message: RelayUp): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stream.write(message) || this.#stream.destroyed) return resolve();
      const done = (): void => {
        this.#stream.off('drain', done).off('close', done).off('error', done);
        resolve();
      };
      this.#stream.on('drain', done).on('close', done).on('error', done);
    });
  }
}
