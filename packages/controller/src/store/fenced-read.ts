import type { Compare, Log, TxnResult } from './log.ts';
import type { CommitResult } from './store.ts';

/** A key below the store's prefix that is no object: its writes move every view to their revision, and change nothing. */
const markKey = 'read-mark';

export interface FencedReadDeps {
  readonly log: Pick<Log, 'txn'>;
  /** The compares that hold only while this controller leads; undefined: it knows that it does not. */
  readonly lead: () => readonly Compare[] | undefined;
  /** The revision that the view shows. */
  readonly shown: () => number;
  /** True once the view shows the revision, false if it does not in time. */
  readonly caughtUp: (revision: number) => Promise<boolean>;
}

/**
 * Asks the log, not the view, whether this controller leads and the view shows everything. A transaction that writes nothing
 * is enough if the view is at the revision of its answer. If not, nobody can say whether the view will ever show that
 * revision (it may be of keys elsewhere in etcd, and before etcd 3.4.25 progress notices run ahead of events): then a mark
 * is written, which the view must come to. Those who ask at the same time share a question.
 */
export class FencedRead {
  readonly #deps: FencedReadDeps;
  #current: Promise<CommitResult> | undefined;
  #next: Promise<CommitResult> | undefined;

  constructor(deps: FencedReadDeps) {
    this.#deps = deps;
  }

  ask(): Promise<CommitResult> {
    if (!this.#current) return this.#begin();
    // The question under way may have been answered before this call: only the next one speaks for it.
    this.#next ??= this.#current.then(() => this.#begin());
    return this.#next;
  }

  #begin(): Promise<CommitResult> {
    this.#next = undefined;
    const mine = this.#once().finally(() => {
      if (this.#current === mine) this.#current = undefined;
    });
    this.#current = mine;
    return mine;
  }

  async #once(): Promise<CommitResult> {
    const { log, lead, shown, caughtUp } = this.#deps;
    const compares = lead();
    if (!compares) return { ok: false, why: 'not_leader' };
    const read = await log.txn(compares, []);
    if (read.outcome !== 'committed') return refused(read);
    if (read.revision <= shown()) return { ok: true, revision: read.revision };
    const marked = await log.txn(compares, [{ op: 'put', key: markKey, value: '' }]);
    if (marked.outcome !== 'committed') return refused(marked);
    if (await caughtUp(marked.revision)) return { ok: true, revision: marked.revision };
    return { ok: false, why: 'unavailable', message: 'the watch does not show what is in etcd' };
  }
}

/** Nothing is compared but the lead. */
function refused(result: TxnResult & { readonly outcome: 'refused' | 'unknown' }): CommitResult {
  if (result.outcome === 'refused') return { ok: false, why: 'not_leader' };
  return { ok: false, why: 'unavailable', message: result.message };
}
