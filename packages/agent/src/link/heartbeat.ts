import type { Clock } from '@gantry/kit/clock';
import type { Contact } from './contact.ts';

export interface BeatDeps {
  readonly clock: Pick<Clock, 'after'>;
  readonly everyMs: number;
  /** Says once that this host is there; resolves when it was heard. */
  readonly once: () => Promise<unknown>;
  readonly contact: Pick<Contact, 'sending'>;
  /** One was not heard: there is no next one. */
  readonly failed: (error: unknown) => void;
}

/**
 * Beats each period after the last one was heard, until the answer is called. A beat that is under way by then is the last, and
 * counts as contact no more: the session it speaks for is over.
 */
export function beat({ clock, everyMs, once, contact, failed }: BeatDeps): () => void {
  let stopped = false;
  let cancel: () => void = () => undefined;
  const next = (): void => {
    cancel = clock.after(everyMs, () => {
      const heard = contact.sending();
      once().then(
        () => {
          if (stopped) return;
          heard();
          next();
        },
        (error: unknown) => failed(error),
      );
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
