/** Answers that are kept; when there are more, all of them go. */
const maxKept = 4_096;

/**
 * Answers as they were written, by who asked and every byte of the question but its id: containers ask for the same few names
 * over and over, as their time to live is short. They hold as long as the names of the host are as they were.
 */
export class ReadyAnswers {
  readonly #kept = new Map<string, Buffer>();
  #revision = -1;

  /** The answer to the question, with its id; undefined if it must be made. */
  to(question: Buffer, from: string, revision: number): Buffer | undefined {
    if (revision !== this.#revision) return undefined;
    const kept = this.#kept.get(keyOf(question, from));
    return kept && withIdOf(question, kept);
  }

  /** Keeps an answer that is the same each time. `revision` is that of the names which it was made from. */
  keep(question: Buffer, from: string, revision: number, answer: Buffer): void {
    if (revision !== this.#revision || this.#kept.size >= maxKept) this.#kept.clear();
    this.#revision = revision;
    this.#kept.set(keyOf(question, from), answer);
  }
}

function keyOf(question: Buffer, from: string): string {
  return `${from} ${question.toString('latin1', 2)}`;
}

function withIdOf(question: Buffer, kept: Buffer): Buffer {
  const answer = Buffer.from(kept);
  answer.set(question.subarray(0, 2));
  return answer;
}
