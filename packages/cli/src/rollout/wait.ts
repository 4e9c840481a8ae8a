import type { ServiceError } from '@grpc/grpc-js';
import type { WatchResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { Context } from '../context.ts';
import { createProgress } from '../output/progress.ts';
import type { Goal } from './goal.ts';
import { Rollout } from './rollout.ts';

/** How a wait ended: exit codes of the product. */
const converged = 0;
const notConverged = 4;
const timedOut = 124;
const interrupted = 130;

/** A controller that is being restarted is asked again after so long, ms. */
const reconnectMs = 500;

/** Follows services until they are as they should be; answers with the exit code, and says why not. */
export function waitForGoals(context: Context, goals: readonly Goal[]): Promise<number> {
  return goals.length === 0 ? Promise.resolve(converged) : new Wait(context, goals).ended;
}

/** One wait: a stream of the controller's words, a deadline, and Ctrl-C. */
class Wait {
  readonly ended: Promise<number>;
  readonly #context: Context;
  readonly #rollout: Rollout;
  readonly #progress;
  readonly #deadline: NodeJS.Timeout;
  readonly #deafen: () => void;
  #settling: NodeJS.Timeout | undefined;
  #retrying: NodeJS.Timeout | undefined;
  #hangUp: () => void = () => undefined;
  #closed = false;
  #resolve: (code: number) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(context: Context, goals: readonly Goal[]) {
    this.#context = context;
    this.#rollout = new Rollout(goals);
    this.#progress = createProgress(context);
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { timeoutMs, io } = context;
    this.#deadline = setTimeout(
      () => this.#give(timedOut, `not done after ${timeoutMs / 1_000} s`),
      timeoutMs,
    );
    this.#deafen = io.onInterrupt(() => {
      this.#end(interrupted, ['it goes on in the cluster; `gantry ps` shows it']);
    });
    this.#listen();
  }

  #listen(): void {
    const { client } = this.#context;
    const stream = client.control.watch({
      serviceIds: this.#rollout.goals.map(({ serviceId }) => serviceId),
    });
    this.#hangUp = () => stream.cancel();
    stream.on('data', (message: WatchResponse) => {
      if (this.#closed) return;
      this.#progress.show(this.#rollout, this.#rollout.take(message));
      this.#judge();
    });
    stream.on('error', (error: ServiceError) => this.#lost(error));
    stream.on('end', () => this.#hangUp());
  }

  #judge(): void {
    const verdict = this.#rollout.verdict();
    if (verdict === 'done') {
      this.#settling ??= setTimeout(() => this.#end(converged), this.#rollout.settleMs());
      return;
    }
    clearTimeout(this.#settling);
    this.#settling = undefined;
    if (verdict === 'hopeless') this.#give(notConverged, 'this will not come up by waiting');
  }

  /** A controller that goes away comes back, or another one leads: what was asked for stands in the store. */
  #lost(error: ServiceError): void {
    if (this.#closed) return;
    clearTimeout(this.#settling);
    this.#settling = undefined;
    const words = this.#context.client.explain(error);
    if (!words.retryable) return this.#close(() => this.#reject(words));
    this.#retrying = setTimeout(() => {
      this.#rollout.restart();
      this.#listen();
    }, reconnectMs);
  }

  /** Ends with what is not as it should be. */
  #give(code: number, what: string): void {
    this.#end(code, [`error: ${what}`, ...this.#rollout.reasons()]);
  }

  #end(code: number, words: readonly string[] = []): void {
    this.#close(() => {
      for (const line of words) this.#context.output.say(line);
      this.#resolve(code);
    });
  }

  #close(then: () => void): void {
    for (const timer of [this.#deadline, this.#settling, this.#retrying]) clearTimeout(timer);
    this.#deafen();
    this.#closed = true;
    this.#hangUp();
    this.#progress.finish();
    then();
  }
}
