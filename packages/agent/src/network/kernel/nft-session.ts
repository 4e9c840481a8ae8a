import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import type { Conversation, Converse } from '@gantry/kit/converse';
import { GantryError } from '@gantry/kit/errors';
import { refusal } from './commands.ts';
import type { Nft } from './nft.ts';

export interface NftSessionDeps {
  readonly converse: Converse;
  readonly clock: Clock;
  /** Its own, for the text of a change: best in memory (/run). */
  readonly dir: string;
}

/** Without counters and elements: what is listed is compared, at any size. */
const argv = ['nft', '-s', '-t', '-i'];
/** Said after each request: it asks the kernel for nothing, and its answer tells that the request has been answered. */
const endMark = 'describe meta mark';
const endSaid = 'meta expression, datatype mark';
/** As for a command, ms. What has to be waited for longer is killed. */
const patienceMs = 30_000;
const startPatienceMs = 5_000;
/** A session that could not begin is not tried again for so long, ms. */
const restMs = 60_000;
/** nft remembers each line, about 130 bytes a request: after so many it is started anew. */
const mostRequests = 5_000;

interface Pending {
  readonly lines: string[];
  readonly resolve: (lines: readonly string[]) => void;
  readonly reject: (error: GantryError) => void;
}

/**
 * One interactive nft that stays: no process to start, and no netlink socket whose end waits for the kernel, at each change.
 * It reads the whole transaction from a file that its line names, and looks at the ruleset's generation before each, so it
 * knows what others changed. It ends with this process.
 */
export class NftSession implements Nft {
  readonly #deps: NftSessionDeps;
  readonly #file: string;
  #conversation: Conversation | undefined;
  #pending: Pending | undefined;
  /** One request at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #requests = 0;
  #restsUntil = -Infinity;
  #closed = false;

  constructor(deps: NftSessionDeps) {
    this.#deps = deps;
    // An nft of an earlier life must not read what is meant for this one.
    this.#file = `${process.pid}.nft`;
  }

  /** False while a session could not begin, and once it is closed. */
  get usable(): boolean {
    return !this.#closed && this.#deps.clock.monotonic() >= this.#restsUntil;
  }

  change(text: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#begin();
      writeFileSync(join(this.#deps.dir, this.#file), text, { mode: 0o600 });
      const said = (await this.#ask(`include "./${this.#file}"`, patienceMs)).join('\n');
      const why = refusal(said, text);
      if (why) throw why;
    });
  }

  list(what: string): Promise<string> {
    return this.#inTurn(async () => {
      await this.#begin();
      return (await this.#ask(`list ${what}`, patienceMs)).join('\n');
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#conversation?.end();
    this.#conversation = undefined;
    rmSync(this.#deps.dir, { recursive: true, force: true });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Throws `unreachable` if there can be no session: nothing has been asked for then. */
  async #begin(): Promise<void> {
    if (!this.usable) throw new GantryError('unreachable', 'there is no session with nft');
    if (this.#requests++ >= mostRequests) await this.#drop();
    if (this.#conversation) return;
    const { converse, dir } = this.#deps;
    try {
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const begun = converse(
        argv,
        dir,
        (line) => this.#hear(line),
        (why) => this.#lost(begun, why),
      );
      this.#conversation = begun;
      await this.#ask('', startPatienceMs);
    } catch (error) {
      this.#restsUntil = this.#deps.clock.monotonic() + restMs;
      const why = error instanceof Error ? error.message : String(error);
      throw new GantryError('unreachable', `no session with nft could begin: ${why}`, { cause: error });
    }
  }

  #ask(line: string, patience: number): Promise<readonly string[]> {
    const conversation = this.#conversation;
    if (!conversation) throw new GantryError('unreachable', 'nft ended before it was asked');
    return new Promise((resolve, reject) => {
      const cancel = this.#deps.clock.after(patience, () => this.#lost(conversation, 'it did not answer'));
      this.#pending = {
        lines: [],
        resolve: (lines) => (cancel(), resolve(lines)),
        reject: (error) => (cancel(), reject(error)),
      };
      if (line !== '') conversation.say(line);
      conversation.say(endMark);
    });
  }

  #hear(line: string): void {
    if (!line.includes(endSaid)) return void this.#pending?.lines.push(line);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(pending.lines);
  }

  #lost(conversation: Conversation, why: string): void {
    if (conversation !== this.#conversation) return;
    void this.#drop();
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(new GantryError('unknown_outcome', `the nft that changes rules was lost: ${why}`));
  }

  async #drop(): Promise<void> {
    const conversation = this.#conversation;
    this.#conversation = undefined;
    this.#requests = 0;
    await conversation?.end();
  }
}
