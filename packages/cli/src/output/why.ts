import type { WhyAnswer } from '@gantry/proto/gen/gantry/v1/explain';
import type { Paint } from './paint.ts';
import { printable, table } from './table.ts';
import { age } from './units.ts';

/** The answer first, then what else is to be said, what to do, and what happened, a line each. */
export function showWhy(
  { answer, also, details, fixes, timeline }: WhyAnswer,
  now: number,
  paint: Paint,
): string {
  const rows = timeline.map(({ at, about, what }) => [`  ${age(at, now)} ago`, about, what]);
  const [, ...lines] = table(['', '', ''], rows);
  return [
    paint('bold', printable(answer)),
    ...details.map((line) => `  ${printable(line)}`),
    ...also.map((sentence) => `also: ${printable(sentence)}`),
    ...fixes.map((fix) => `fix: ${printable(fix)}`),
    ...lines,
  ]
    .map((line) => `${line}\n`)
    .join('');
}
