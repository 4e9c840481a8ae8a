import type { ServiceError } from '@grpc/grpc-js';
import type { ServiceView, TaskView, WatchResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { Context } from '../context.ts';
import { newest } from '../rollout/goal.ts';
import { TaskOutput } from './task-output.ts';
import { endOf, hasBegun, holdUp, type RunEnd } from './verdict.ts';

/** A controller that is being restarted is asked again after so long, ms. */
const reconnectMs = 500;

/** Follows one run to its end: shows what it writes, says what holds it up, gives up if it has not begun in time. */
export class RunSession {
  readonly ended: Promise<RunEnd>;
  readonly #context: Context;
  readonly #serviceId: string;
  readonly #tasks = new Map<string, TaskView>();
  readonly #deadline: NodeJS.Timeout;
  readonly #deafen: () => void;
  #service: ServiceView | undefined;
  #output: TaskOutput | undefined;
  #said = '';
  #closed = false;
  #hangUp: () => void = () => undefined;
  #retrying: NodeJS.Timeout | undefined;
  #resolve: (end: RunEnd) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(context: Context, serviceId: string) {
    this.#context = context;
    this.#serviceId = serviceId;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#deadline = setTimeout(() => this.#late(), context.timeoutMs);
    this.#deafen = context.io.onInterrupt(() => this.#end({ code: 130 }));
    this.#listen();
  }

  #listen(): void {
    const stream = this.#context.client.control.watch({ serviceIds: [this.#serviceId] });
    this.#hangUp = () => stream.cancel();
    stream.on('data', (message: WatchResponse) => this.#take(message));
    stream.on('error', (error: ServiceError) => this.#lost(error));
    stream.on('end', () => stream.cancel());
  }

  #take({ services, tasks, removedServices }: WatchResponse): void {
    if (this.#closed) return;
    for (const service of services) this.#service = service;
    for (const task of tasks) this.#tasks.set(task.id, task);
    if (removedServices.length > 0) return this.#end({ code: 125, words: 'somebody removed it' });
    if (!this.#service) return;
    const task = newest([...this.#tasks.values()]);
    const waits = holdUp(this.#service, task);
    if (waits !== undefined && waits !== this.#said && waits !== 'it was applied') {
      this.#said = waits;
      this.#context.output.say(`waiting: ${waits}`);
    }
    if (task && hasBegun(task)) this.#begin(task);
    const end = endOf(this.#service, task);
    if (end) void this.#finish(end);
  }

  /** It writes: from now on it may take its time. Another task, after a lost host, begins anew. */
  #begin(task: TaskView): void {
    clearTimeout(this.#deadline);
    if (this.#output?.taskId === task.id) return;
    this.#output?.close();
    this.#output = new TaskOutput(this.#context.client, this.#context.io, task.id);
    this.#output.follow();
  }

  async #finish(end: RunEnd): Promise<void> {
    if (this.#closed) return;
    this.#close();
    try {
      await this.#output?.finish();
      this.#resolve(end);
    } catch (error) {
      this.#reject(error);
    }
  }

  #late(): void {
    const seconds = this.#context.timeoutMs / 1_000;
    const task = newest([...this.#tasks.values()]);
    const why = task?.status?.reason ?? this.#service?.job?.run?.reason ?? 'nothing is known of it';
    this.#end({ code: 124, words: `it has not begun after ${seconds} s: ${why}` });
  }

  #lost(error: ServiceError): void {
    if (this.#closed) return;
    const words = this.#context.client.explain(error);
    if (words.retryable) this.#retrying = setTimeout(() => this.#listen(), reconnectMs);
    else {
      this.#close();
      this.#reject(words);
    }
  }

  #end(end: RunEnd): void {
    if (this.#closed) return;
    this.#close();
    this.#output?.close();
    this.#resolve(end);
  }

  #close(): void {
    this.#closed = true;
    for (const timer of [this.#deadline, this.#retrying]) clearTimeout(timer);
    this.#deafen();
    this.#hangUp();
  }
}
