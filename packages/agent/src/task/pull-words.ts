import type { PullProgress } from '../images/images.ts';

/** Statuses go into the store: a pull is told of rarely, and not at all if it is quick, ms. */
const firstAfterMs = 1_000;
const everyMs = 3_000;

/** What a task says while its image comes; undefined when there is nothing new worth telling. */
export function pullWords(
  ref: string,
  startedAt: number,
): (progress: PullProgress, now: number) => string | undefined {
  let toldAt = startedAt + firstAfterMs - everyMs;
  let told = '';
  return (progress, now) => {
    const words = wordsOf(ref, progress);
    if (now - toldAt < everyMs || words === told) return undefined;
    toldAt = now;
    told = words;
    return words;
  };
}

function wordsOf(ref: string, { doing, done, total }: PullProgress): string {
  if (doing === 'unpacking') return `unpacking ${ref}: ${done} of ${total} layers`;
  return `pulling ${ref}: ${mib(done)} of ${mib(total)} MiB`;
}

function mib(bytes: number): string {
  const value = bytes / 2 ** 20;
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
