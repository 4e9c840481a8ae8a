/**
 * Counts the files that a monitor begins, from what the kernel tells of the directory that it writes in. A monitor that goes on to
 * the next file makes `current.tmp` and renames it to `current`: two words about the first name, one about the second. Its
 * first file is made under its name. Ours is the one other word about `current`: that we moved it away.
 */
export class RotationEvents {
  /** Files begun so far. */
  begun: number;
  #halves = 0;
  #moving = false;

  /** `begun`: the number of the newest file that is known. */
  constructor(begun: number) {
    this.begun = begun;
  }

  /** We are about to move `current` away. */
  moving(): void {
    this.#moving = true;
  }

  /** We did not, after all. */
  notMoved(): void {
    this.#moving = false;
  }

  /** Takes one word; answers what it means. `moved`: what we moved was the file `begun`. */
  take(name: string): 'begun' | 'moved' | 'nothing' {
    if (name === 'current.tmp') this.#halves++;
    if (name !== 'current') return 'nothing';
    if (this.#moving && this.#halves < 2) {
      this.#moving = false;
      return 'moved';
    }
    this.#halves = Math.max(0, this.#halves - 2);
    this.begun++;
    return 'begun';
  }
}
