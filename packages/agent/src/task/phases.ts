/** Where the time of one start goes: ms by phase, of work that may overlap. */
export class Phases {
  readonly #monotonic: () => number;
  readonly #ms: Record<string, number> = {};

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Does the work and notes how long it took, also when it fails. */
  async time<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const began = this.#monotonic();
    try {
      return await work();
    } finally {
      this.#ms[phase] = Math.round((this.#monotonic() - began) * 10) / 10;
    }
  }

  get all(): Readonly<Record<string, number>> {
    return this.#ms;
  }
}
