import { GantryError, type ErrorCode } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { nft } from './commands.ts';
import type { NftSession } from './nft-session.ts';

/** nft's ways in: a process a request, one that stays (`nft-session.ts`), and the better of both. One contract. */
export interface Nft {
  /**
   * One transaction, all of it or nothing; it holds once this resolves. Throws `internal` in nft's words if it was refused,
   * `unknown_outcome` if nobody knows.
   */
  change(text: string): Promise<void>;
  /** What `nft list` says of this, without elements and counters; empty or a complaint if there is no such thing. */
  list(what: string): Promise<string>;
  /** Idempotent; what is asked for later is answered still. */
  close(): Promise<void>;
}

/** A process for each request. */
export class NftProcesses implements Nft {
  readonly #exec: Exec;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  change(text: string): Promise<void> {
    return nft(this.#exec, text);
  }

  async list(what: string): Promise<string> {
    return (await this.#exec(['nft', '-s', '-t', 'list', ...what.split(' ')])).stdout;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** More than this is given to a process of its own: its memory goes with it. Characters. */
const most = 1 << 16;

/** By the session; by processes while there can be none, and for what is large. */
export class SteadyNft implements Nft {
  readonly #session: NftSession;
  readonly #processes: NftProcesses;
  readonly #log: Logger;

  constructor(session: NftSession, exec: Exec, log: Logger) {
    this.#session = session;
    this.#processes = new NftProcesses(exec);
    this.#log = log;
  }

  change(text: string): Promise<void> {
    if (text.length > most) return this.#processes.change(text);
    return this.#either((nft) => nft.change(text), ['unreachable']);
  }

  list(what: string): Promise<string> {
    return this.#either((nft) => nft.list(what), ['unreachable', 'unknown_outcome']);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** `harmless`: failures of the session after which a process may be asked the same. */
  async #either<T>(ask: (nft: Nft) => Promise<T>, harmless: readonly ErrorCode[]): Promise<T> {
    if (!this.#session.usable) return ask(this.#processes);
    try {
      return await ask(this.#session);
    } catch (error) {
      if (!(error instanceof GantryError) || !harmless.includes(error.code)) throw error;
      this.#log.warn('nft is asked by a process of its own', { why: error.message });
      return ask(this.#processes);
    }
  }
}
