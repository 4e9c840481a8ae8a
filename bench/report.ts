import { ms, spread } from './run.ts';

/** One figure: several runs of ours and of the limit or peer, taken in turn in the same run. */
export interface Figure {
  readonly what: string;
  readonly ours: readonly number[];
  /** Absent where there is only a target. */
  readonly peer?: { readonly name: string; readonly values: readonly number[] };
  /** Empty where there is none: the figure is told, not judged. */
  readonly target: string;
  /** Of the values; ms if absent. */
  readonly unit?: string;
}

export interface BenchResult {
  readonly setup: string;
  readonly figures: readonly Figure[];
}

/** The result as lines for a person: min · median · max of each, and the ratio of medians. */
export function report(result: BenchResult): string {
  const lines = [result.setup, ''];
  for (const { what, ours, peer, target, unit } of result.figures) {
    lines.push(`${what}: ${words(ours, unit)}${target === '' ? '' : `   (target ${target})`}`);
    if (!peer) continue;
    const ratio = spread(ours).median / spread(peer.values).median;
    lines.push(`    ${peer.name}: ${words(peer.values, unit)}   ratio ${ratio.toFixed(2)}`);
  }
  return `${lines.join('\n')}\n`;
}

function words(values: readonly number[], unit?: string): string {
  const { min, median, max } = spread(values);
  const word = (value: number): string => (unit === undefined ? ms(value) : `${short(value)} ${unit}`);
  if (values.length === 1) return word(median);
  return `median ${word(median)}, min ${word(min)}, max ${word(max)}, n=${values.length}`;
}

function short(value: number): string {
  return value < 100 ? String(Math.round(value * 100) / 100) : Math.round(value).toLocaleString('en');
}
