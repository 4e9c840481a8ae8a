import { access, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';

/** Node cannot make a FIFO: so many are made by one process, for the containers to come. */
const batch = 16;

/** FIFOs in stock, on the file system of the containers' bundles. What an earlier agent left is used up first. */
export class Fifos {
  readonly #exec: Exec;
  readonly #dir: string;
  #stock: Promise<string[]> | undefined;
  #made = 0;

  constructor(exec: Exec, dir: string) {
    this.#exec = exec;
    this.#dir = dir;
  }

  /** Puts one at `path`; one that is there already stays. */
  async place(path: string): Promise<void> {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return;
    await rename(await this.#take(), path);
  }

  async #take(): Promise<string> {
    for (;;) {
      const filling = (this.#stock ??= this.#fill());
      const one = await filling
        .then((stock) => stock.pop())
        .catch((error: unknown) => {
          this.#empty(filling);
          throw error;
        });
      if (one !== undefined) return one;
      this.#empty(filling);
    }
  }

  /** Another one may be filling it already. */
  #empty(filled: Promise<string[]>): void {
    if (this.#stock === filled) this.#stock = undefined;
  }

  async #fill(): Promise<string[]> {
    const left = this.#made === 0 ? await this.#left() : [];
    const paths = Array.from({ length: batch }, () => join(this.#dir, `${process.pid}-${this.#made++}`));
    if (left.length > 0) return left;
    const { code, stderr } = await this.#exec(['mkfifo', '-m', '600', ...paths]);
    if (code !== 0) throw new GantryError('internal', `cannot make FIFOs in ${this.#dir}: ${stderr.trim()}`);
    return paths;
  }

  async #left(): Promise<string[]> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    return (await readdir(this.#dir)).map((name) => join(this.#dir, name));
  }
}
