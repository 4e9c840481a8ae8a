import { spawnSync } from 'node:child_process';

/** Minimum, median and maximum of a series. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1) };
}

/** Runs an argv to its end; throws with its stderr if it fails. */
export function runOk(argv: readonly string[], cwd?: string): string {
  const [file = '', ...args] = argv;
  const result = spawnSync(file, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...(cwd !== undefined && { cwd }),
  });
  if (result.status !== 0)
    throw new Error(`${argv.join(' ')} failed: ${result.stderr || String(result.error)}`);
  return result.stdout;
}

export function ms(value: number): string {
  return value < 10 ? `${value.toFixed(2)} ms` : `${Math.round(value)} ms`;
}
