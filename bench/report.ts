import { ms, spread } from './run.ts';

/** One figure: several runs of ours and of the limit or peer, taken in turn in the same run. */
export interface Figure {
  readonly what: string;
  readonly ours: readonly number[];
  /** Absent where there is only a target. */
  readonly peer?: { readonly name: string; readonly values: readonly number[] };
  readonly target: string;
}

export interface BenchResult {
  readonly setup: string;
  /** All values in ms. */
  readonly figures: readonly Figure[];
}

/** The result as lines for a person: min · median · max of each, and the ratio of medians. */
export function report(result: BenchResult): string {
  const lines = [result.setup, ''];
  for (const { what, ours, peer, target } of result.figures) {
    lines.push(`${what}: ${words(ours)}   (target ${target})`);
    if (!peer) continue;
    const ratio = spread(ours).median / spread(peer.values).median;
    lines.push(`    ${peer.name}: ${words(peer.values)}   ratio ${ratio.toFixed(2)}`);
  }
  return `${lines.join('\n')}\n`;
}

function words(values: readonly number[]): string {
  const { min, median, max } = spread(values);
  return `median ${ms(median)}, min ${ms(min)}, max ${ms(max)}, n=${values.length}`;
}
