/** Numbers in places from 0 on, with the least of them known at any time: a change costs the logarithm of their number at most. */
export class WinnerTree {
  #half = 1;
  /** The least of each subtree; the root is at 1, the places begin at `half`. What was never set is Infinity: none. */
  #least = new Float64Array(2).fill(Infinity);

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
    while (place >= this.#half) this.#grow();
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

  /** Twice the places: every level moves one down, beside as much of nothing. */
  #grow(): void {
    const half = this.#half;
    const wider = new Float64Array(4 * half).fill(Infinity);
    wider[1] = this.least;
    for (let level = 1; level <= half; level *= 2)
      wider.set(this.#least.subarray(level, 2 * level), 2 * level);
    [this.#half, this.#least] = [2 * half, wider];
  }
}
