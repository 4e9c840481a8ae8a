/**
 * The last changes of rows, the oldest forgotten: whoever follows it at its own pace looks only at the rows that changed.
 * An entry is a row, or `~row` if the node itself changed.
 */
export class RowLog {
  #entries = new Int32Array(256);
  /** Where the next entry will stand; positions only grow. */
  end = 0;

  /** The first position that is still known. */
  get start(): number {
    return Math.max(0, this.end - this.#entries.length);
  }

  at(position: number): number {
    return this.#entries[position & (this.#entries.length - 1)] as number;
  }

  push(entry: number): void {
    this.#entries[this.end++ & (this.#entries.length - 1)] = entry;
  }

  /** Makes room for four entries a row: beyond two, looking at every row is less work than following. */
  fit(rows: number): void {
    if (4 * rows <= this.#entries.length) return;
    const wider = new Int32Array(2 * this.#entries.length);
    for (let position = this.start; position < this.end; position++)
      wider[position & (wider.length - 1)] = this.at(position);
    this.#entries = wider;
  }
}
