import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { table } from '../plan/ruleset.ts';
import { TableBook, type TableConfig, type TableInput, type Transaction } from '../plan/table-book.ts';
import { fixedBlocks, tableBlocks, tableFaults } from '../plan/table-shape.ts';
import { nft } from './commands.ts';
import { forgetFlows } from './flows.ts';

/** Our nftables table: changed bit by bit, made anew when it is not what we think it is. */
export class KernelTable {
  readonly #exec: Exec;
  readonly #log: Logger;
  readonly #config: TableConfig;
  /** Undefined: what stands in the kernel is not known. */
  #book: TableBook | undefined;
  #fixed: ReadonlyMap<string, string> = new Map();

  constructor(exec: Exec, log: Logger, config: TableConfig) {
    this.#exec = exec;
    this.#log = log;
    this.#config = config;
  }

  /** Brings the table to what follows from the input, in one transaction. */
  async apply(input: TableInput): Promise<void> {
    if (!this.#book) return this.rebuild(input);
    const transaction = this.#book.change(input);
    if (transaction.text === '') return;
    try {
      await nft(this.#exec, transaction.text);
    } catch (error) {
      this.#log.warn('the rules were changed by others, building them anew', { error: String(error) });
      return this.rebuild(input);
    }
    await this.#forgetFlows(transaction);
  }

  /** The whole table in place of whatever stands there; connections do not notice. */
  async rebuild(input: TableInput): Promise<void> {
    this.#book = undefined;
    const book = new TableBook(this.#config);
    await nft(this.#exec, book.whole(input).text);
    this.#book = book;
    this.#fixed = fixedBlocks((await this.#blocks()) ?? new Map());
  }

  /** True if the table is there at all: cheap at any size. */
  async stands(): Promise<boolean> {
    const { stdout } = await this.#exec(['nft', 'list', 'chains', 'inet']);
    return stdout.includes(`table ${table} {`) && stdout.includes('chain forward {');
  }

  /** What of chains, maps and sets is not as it was made; elements are not looked at. */
  async faults(): Promise<readonly string[]> {
    return this.#book ? tableFaults(this.#fixed, this.#book.made, await this.#blocks()) : ['the whole table'];
  }

  async remove(): Promise<void> {
    this.#book = undefined;
    await nft(this.#exec, `table ${table}\ndelete table ${table}\n`);
  }

  async #blocks(): Promise<ReadonlyMap<string, string> | undefined> {
    return tableBlocks((await this.#exec(['nft', '-s', '-t', 'list', 'ruleset', 'inet'])).stdout);
  }

  async #forgetFlows(transaction: Transaction): Promise<void> {
    const failed = await forgetFlows(this.#exec, transaction);
    if (failed !== undefined)
      this.#log.warn('UDP flows of gone tasks could not be forgotten', { why: failed });
  }
}
