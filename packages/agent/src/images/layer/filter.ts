import { blockSize, paddedSize, refuse } from './entry.ts';
import { readEntry, type Ask, type Reading } from './read.ts';
import { LayerRules, type LayerLimits } from './rules.ts';
import { writeEntry } from './write.ts';

/**
 * Turns a layer's archive, pushed in pieces of any size, into one that is safe to unpack: every header is read, judged by
 * the rules of a layer, and written anew. Throws `image_refused` at the first thing that no layer may hold.
 */
export class LayerFilter {
  readonly #rules: LayerRules;
  readonly #maxBytes: number;
  readonly #reading: Reading<void>;
  #ask: Ask;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #read = 0;
  #out: Buffer[] = [];

  constructor(limits: LayerLimits) {
    this.#rules = new LayerRules(limits);
    this.#maxBytes = limits.maxBytes;
    this.#reading = this.#layer();
    this.#ask = this.#reading.next().value ?? 0;
  }

  /** Takes the next bytes of the archive; answers with what may be unpacked now. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#read += chunk.length;
    if (this.#read > this.#maxBytes) refuse(`a layer unpacks to more than ${this.#maxBytes} bytes`);
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#ask < 0) rest = this.#give(rest.subarray(0, -this.#ask), rest);
      else rest = this.#collect(rest);
    }
    return this.#taken();
  }

  /** The archive has ended. */
  end(): readonly Buffer[] {
    this.#next(Buffer.concat(this.#waiting));
    this.#out.push(Buffer.alloc(2 * blockSize));
    return this.#taken();
  }

  /** Exactly what is asked for, out of this chunk and those before it. */
  #collect(rest: Buffer): Buffer {
    const missing = this.#ask - this.#waitingBytes;
    if (this.#waitingBytes === 0 && rest.length >= missing)
      return this.#give(rest.subarray(0, missing), rest);
    const piece = rest.subarray(0, missing);
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (piece.length < missing) return rest.subarray(piece.length);
    const whole = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#next(whole);
    return rest.subarray(piece.length);
  }

  #give(piece: Buffer, rest: Buffer): Buffer {
    this.#next(piece);
    return rest.subarray(piece.length);
  }

  #next(piece: Buffer): void {
    const step = this.#reading.next(piece);
    // After the end everything is read, so that the digest is of the whole, and nothing of it is used.
    this.#ask = step.done === true ? Number.NEGATIVE_INFINITY : step.value;
  }

  #taken(): readonly Buffer[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  *#layer(): Reading<void> {
    for (let entry = yield* readEntry(); entry; entry = yield* readEntry()) {
      const verdict = this.#rules.judge(entry);
      for (const written of verdict.write) this.#out.push(writeEntry(written));
      for (let left = paddedSize(entry.size); left > 0;) {
        const piece = yield -left;
        if (piece.length === 0) refuse('it ends in the middle of an entry');
        if (verdict.content) this.#out.push(piece);
        left -= piece.length;
      }
    }
  }
}
