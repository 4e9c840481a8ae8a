import type { FenceKeeper } from '../fence/keeper.ts';

/**
 * Contact with the controller in one session. It counts only once the complete set is known: what the controller gave up as
 * lost may run elsewhere, and only that set says so.
 */
export class Contact {
  readonly #keeper: Pick<FenceKeeper, 'now' | 'contact'> | undefined;
  #sentAt: number | undefined;
  #knowsAll = false;

  constructor(keeper: Pick<FenceKeeper, 'now' | 'contact'> | undefined) {
    this.#keeper = keeper;
  }

  /** Words are about to be sent; the answer is to be called when they are acknowledged. */
  sending(): () => void {
    const sentAt = this.#keeper?.now();
    return () => {
      this.#sentAt = sentAt;
      this.#tell();
    };
  }

  /** A set of assignments was taken over; the first of a session is complete. */
  knowsAll(): void {
    if (this.#knowsAll) return;
    this.#knowsAll = true;
    this.#tell();
  }

  #tell(): void {
    if (this.#knowsAll && this.#sentAt !== undefined) this.#keeper?.contact(this.#sentAt);
  }
}
