/** Numbers in fixed places, with the least of them known at any time: a change costs the logarithm of the size at most. */
export class WinnerTree {
  readonly #half: number;
  /** The least of each subtree; the root is at 1, the places begin at `half`. */
  readonly #least: Float64Array;

  /** All places begin at Infinity, which means none. */
  constructor(size: number) {
    this.#half = 2 ** Math.ceil(Math.log2(Math.max(1, size)));
    this.#least = new Float64Array(2 * this.#half).fill(Infinity);
  }

  get least(): number {
    return this.#least[1] ?? Infinity;
  }

  /** The first place that has the least number, or -1 if all are Infinity. */
  first(): number {
    const least = this.#least;
    const value = this.least;
    if (value === Infinity) return -1;
    let at = 1;
    while (at < this.#half) at = least[2 * at] === value ? 2 * at : 2 * at + 1;
    return at - this.#half;
  }

  set(place: number, value: number): void {
    const least = this.#least;
    let at = place + this.#half;
    if (least[at] === value) return;
    least[at] = value;
    for (at >>= 1; at >= 1; at >>= 1) {
      const [left, right] = [least[2 * at] as number, least[2 * at + 1] as number];
      const smaller = left <= right ? left : right;
      if (least[at] === smaller) return;
      least[at] = smaller;
    }
  }
}
