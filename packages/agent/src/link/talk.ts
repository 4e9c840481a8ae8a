import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { SessionDown, SessionUp } from '@gantry/proto/gen/gantry/v1/agent';

/** One thing that an agent says. */
export type Word = NonNullable<SessionUp['body']>;

/** A word waits this long for its answer, ms. */
const answerMs = 5_000;
/**
 * A report is answered once it is stored, behind those of all other hosts: in a burst that takes a while, and to begin anew for it
 * would be more load. Heartbeats tell that the controller is there.
 */
const reportMs = 30_000;

/** What a talk needs of its call. */
export interface TalkCall {
  write(up: SessionUp): unknown;
  cancel(): void;
  on(event: 'data', listener: (down: SessionDown) => void): unknown;
}

interface Asked {
  readonly answer: (down: SessionDown) => void;
  readonly fail: (why: string) => void;
}

/** What this host says as long as a session lasts: each word has a number, and its answer carries the same. */
export class Talk {
  readonly #call: TalkCall;
  readonly #clock: Pick<Clock, 'after' | 'soon'>;
  readonly #asked = new Map<number, Asked>();
  #last = 0;
  #closed = false;

  constructor(call: TalkCall, sessionId: string, clock: Pick<Clock, 'after' | 'soon'>) {
    this.#call = call;
    this.#clock = clock;
    call.on('data', (down: SessionDown) => this.#asked.get(down.number)?.answer(down));
    this.say({ $case: 'hello', value: { sessionId } });
  }

  /** Says something that needs no answer. */
  say(body: Word): void {
    if (!this.#closed) this.#call.write({ number: 0, body });
  }

  /** Says something; resolves with its answer. Rejects if that does not come within five seconds (a report: thirty), or the talk ends. */
  ask(body: Word): Promise<SessionDown> {
    return new Promise((resolve, reject) => {
      const number = ++this.#last;
      const over = (): void => {
        cancel();
        this.#asked.delete(number);
      };
      const answer = (down: SessionDown): void => {
        over();
        resolve(down);
      };
      const fail = (why: string): void => {
        over();
        reject(new GantryError('unreachable', why));
      };
      // Not in the timer itself: after this process stood still it is the first to run, before the answer is read.
      const late = (): void => {
        if (this.#asked.has(number)) fail('the controller did not answer in time');
      };
      const patience = body.$case === 'report' ? reportMs : answerMs;
      const cancel = this.#clock.after(patience, () => this.#clock.soon(late));
      this.#asked.set(number, { answer, fail });
      if (this.#closed) fail('the session is over');
      else this.#call.write({ number, body });
    });
  }

  /** The session is over: what is not answered by now will not be. */
  close(): void {
    this.#closed = true;
    for (const { fail } of [...this.#asked.values()]) fail('the session is over');
    this.#call.cancel();
  }
}
