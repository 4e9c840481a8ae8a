import type { Clock } from '@gantry/kit/clock';
import type { Contact } from './contact.ts';

export interface BeatDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  readonly everyMs: number;
  /** True if the next beat says something that was not said before: it goes also where it is not needed. */
  readonly hasNews: () => boolean;
  /** Says once that this host is there; resolves when it was heard. */
  readonly once: () => Promise<unknown>;
  readonly contact: Pick<Contact, 'sending'>;
  /** One was not heard: there is no next one. */
  readonly failed: (error: unknown) => void;
}

export interface Heart {
  /** Other words are about to be sent; when they are heard the answer is to be called, and the next beat is due a period later. */
  sending(): () => void;
  stop(): void;
}

/**
 * Beats each period after this host was last heard, until it is stopped. A beat that is under way by then is the last, and counts as
 * contact no more: the session it speaks for is over.
 */
export function beat({ clock, everyMs, hasNews, once, contact, failed }: BeatDeps): Heart {
  let stopped = false;
  let cancel: () => void = () => undefined;
  let heardAt = clock.monotonic();
  const sending = (): (() => void) => {
    const heard = contact.sending();
    return () => {
      if (stopped) return;
      heard();
      heardAt = clock.monotonic();
    };
  };
  const speak = (): void => {
    const heard = sending();
    once().then(
      () => {
        heard();
        if (!stopped) wait(everyMs);
      },
      (error: unknown) => failed(error),
    );
  };
  const wait = (ms: number): void => {
    cancel = clock.after(ms, () => {
      const left = heardAt + everyMs - clock.monotonic();
      if (left > 0 && !hasNews()) wait(left);
      else speak();
    });
  };
  wait(everyMs);
  return {
    sending,
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
