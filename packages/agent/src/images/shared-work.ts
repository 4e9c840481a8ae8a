import { GantryError } from '@gantry/kit/errors';

interface Shared<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

/** Work that callers with the same key share: it is done once, and given up only when all of them have. */
export class SharedWork<T> {
  readonly #running = new Map<string, Shared<T>>();

  async do(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const shared = this.#running.get(key) ?? this.#start(key, work);
    shared.waiting++;
    const left = new Promise<never>((_resolve, reject) => {
      const leave = (): void => reject(new GantryError('cancelled', 'it is no longer wanted'));
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([shared.result, left]);
    } finally {
      shared.waiting--;
      if (shared.waiting === 0) shared.abort.abort();
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const abort = new AbortController();
    const result = work(abort.signal).finally(() => this.#running.delete(key));
    result.catch(() => undefined); // those who wait hear it; perhaps nobody waits any more
    const shared = { result, abort, waiting: 0 };
    this.#running.set(key, shared);
    return shared;
  }
}
