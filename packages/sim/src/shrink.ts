import type { History, Step } from './history.ts';

/** The shortest history found that still fails: takes steps away, many at first, as long as it does. */
export async function shrink(
  history: History,
  fails: (history: History) => Promise<boolean>,
  tries = 400,
): Promise<History> {
  let best = history;
  let left = tries;
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.steps.length && left > 0;) {
      const shorter = { ...best, steps: without(best.steps, from, size) };
      left--;
      if (await fails(shorter)) best = shorter;
      else from += size;
    }
  }
  return best;
}

/** Time goes on as before: what was waited for the steps taken away is waited for the next one. */
function without(steps: readonly Step[], from: number, count: number): readonly Step[] {
  const waited = steps.slice(from, from + count).reduce((sum, { wait }) => sum + wait, 0);
  const [next, ...rest] = steps.slice(from + count);
  return [...steps.slice(0, from), ...(next ? [{ ...next, wait: next.wait + waited }] : []), ...rest];
}
