import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { table } from '../plan/ruleset.ts';
import { TableBook, type TableConfig, type TableInput, type Transaction } from '../plan/table-book.ts';
import { fixedBlocks, tableBlocks, tableFaults } from '../plan/table-shape.ts';
import { forgetFlows } from './flows.ts';
import type { Nft } from './nft.ts';

/** Our nftables table: changed bit by bit, made anew when it is not what we think it is. */
export class KernelTable {
  readonly #nft: Nft;
  readonly #exec: Exec;
  readonly #log: Logger;
  readonly #config: TableConfig;
  /** Undefined: what stands in the kernel is not known. */
  #book: TableBook | undefined;
  #fixed: ReadonlyMap<string, string> = new Map();
  #forgotten: Promise<void> = Promise.resolve();

  constructor(nft: Nft, exec: Exec, log: Logger, config: TableConfig) {
    this.#nft = nft;
    this.#exec = exec;
    this.#log = log;
    this.#config = config;
  }

  /** Brings the table to what follows from the input, in one transaction; resolves when that holds. See `forgotten`. */
  async apply(input: TableInput): Promise<void> {
    if (!this.#book) return this.rebuild(input);
    const transaction = this.#book.change(input);
    if (transaction.text === '') return;
    try {
      await this.#nft.change(transaction.text);
    } catch (error) {
      this.#log.warn('the rules were changed by others, building them anew', { error: String(error) });
      return this.rebuild(input);
    }
    this.#forgetAfter(transaction);
  }

  /** Resolves once the UDP flows that the changes so far left on a wrong way are forgotten. */
  forgotten(): Promise<void> {
    return this.#forgotten;
  }

  /** The whole table in place of whatever stands there; connections do not notice. */
  async rebuild(input: TableInput): Promise<void> {
    this.#book = undefined;
    const book = new TableBook(this.#config);
    const transaction = book.whole(input);
    await this.#nft.change(transaction.text);
    this.#book = book;
    this.#forgetAfter(transaction);
    this.#fixed = fixedBlocks((await this.#blocks()) ?? new Map());
  }

  /** True if the table is there at all: cheap at any size. */
  async stands(): Promise<boolean> {
    const chains = await this.#nft.list('chains inet');
    return chains.includes(`table ${table} {`) && chains.includes('chain forward {');
  }

  /** What of chains, maps and sets is not as it was made; elements are not looked at. */
  async faults(): Promise<readonly string[]> {
    return this.#book ? tableFaults(this.#fixed, this.#book.made, await this.#blocks()) : ['the whole table'];
  }

  async remove(): Promise<void> {
    this.#book = undefined;
    await this.#nft.change(`table ${table}\ndelete table ${table}\n`);
  }

  async #blocks(): Promise<ReadonlyMap<string, string> | undefined> {
    return tableBlocks(await this.#nft.list('ruleset inet'));
  }

  /** Not before the rules hold, or a flow would be back with its next packet. */
  #forgetAfter({ left, opened }: Transaction): void {
    if (!left && opened.length === 0) return;
    this.#forgotten = this.#forgotten.then(async () => {
      const book = this.#book;
      if (!book) return; // it is made anew, and then all flows are looked at
      const failed = await forgetFlows(this.#exec, () => book.strays(opened));
      if (failed !== undefined)
        this.#log.warn('UDP flows of gone tasks could not be forgotten', { why: failed });
    });
  }
}
