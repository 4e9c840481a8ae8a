import { describe, expect, test } from 'vitest';
import { FencedRead } from './fenced-read.ts';
import type { Compare, Operation, TxnResult } from './log.ts';

/** A log whose answers a test gives when it likes. */
class SlowLog {
  readonly asked: { readonly operations: readonly Operation[]; readonly answer: (r: TxnResult) => void }[] =
    [];
  txn(_compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    return new Promise((answer) => this.asked.push({ operations, answer }));
  }
}

function reading(shown: number, leads = true) {
  const log = new SlowLog();
  const waited: number[] = [];
  const read = new FencedRead({
    log,
    lead: () => (leads ? [{ key: 'leader', createdAt: 1 }] : undefined),
    shown: () => shown,
    caughtUp: (revision) => {
      waited.push(revision);
      return Promise.resolve(true);
    },
  });
  const answer = async (result: TxnResult): Promise<void> => {
    log.asked.at(-1)?.answer(result);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { log, read, waited, answer };
}

describe('a fenced read', () => {
  test('writes nothing if the view is at the revision of the answer', async () => {
    const { log, read, waited, answer } = reading(7);
    const asked = read.ask();
    await answer({ outcome: 'committed', revision: 7 });
    expect(await asked).toEqual({ ok: true, revision: 7 });
    expect([log.asked.length, log.asked[0]?.operations, waited]).toEqual([1, [], []]);
  });

  test('writes a mark if it is not, and waits for that', async () => {
    const { log, read, waited, answer } = reading(7);
    const asked = read.ask();
    await answer({ outcome: 'committed', revision: 9 });
    expect(log.asked[1]?.operations).toHaveLength(1);
    await answer({ outcome: 'committed', revision: 10 });
    expect(await asked).toEqual({ ok: true, revision: 10 });
    expect(waited).toEqual([10]);
  });

  test('asked while another is under way, it asks once more for all of them, for that one may be too old', async () => {
    const { log, read, answer } = reading(7);
    const asked = [read.ask(), read.ask(), read.ask()];
    expect(log.asked).toHaveLength(1);
    await answer({ outcome: 'committed', revision: 7 });
    expect(log.asked).toHaveLength(2);
    await answer({ outcome: 'committed', revision: 7 });
    expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true);
    expect(log.asked).toHaveLength(2);
    void read.ask();
    expect(log.asked).toHaveLength(3);
  });

  test('is refused when this controller does not lead, and says when nobody answers', async () => {
    expect(await reading(7, false).read.ask()).toEqual({ ok: false, why: 'not_leader' });
    const lost = reading(7);
    const asked = lost.read.ask();
    await lost.answer({ outcome: 'refused', revision: 9, failed: ['leader'] });
    expect(await asked).toEqual({ ok: false, why: 'not_leader' });
    const away = reading(7);
    const unheard = away.read.ask();
    await away.answer({ outcome: 'unknown', message: 'deadline' });
    expect(await unheard).toEqual({ ok: false, why: 'unavailable', message: 'deadline' });
  });
});
