/** One measurement at one size. */
export interface Sample {
  readonly nodes: number;
  readonly tasks: number;
  readonly value: number;
}

export interface Fit {
  readonly base: number;
  readonly perNode: number;
  readonly perTask: number;
  /** The largest error as a share of what was measured. */
  readonly worst: number;
}

/** Sweeps over the three parts; they converge long before. */
const sweeps = 20_000;

/**
 * `value = base + perNode × nodes + perTask × tasks`, none below 0, with the least sum of squared relative errors. By descent
 * along one part after another, which with three of them finds the least.
 */
export function fitted(samples: readonly Sample[]): Fit {
  // Each sample weighs the same, whatever its size; parts are scaled to the size of the samples.
  const [most, many] = [max(samples, ({ nodes }) => nodes), max(samples, ({ tasks }) => tasks)];
  const rows = samples.map(({ nodes, tasks, value }) => [
    1 / value,
    nodes / most / value,
    tasks / many / value,
  ]);
  const parts = [0, 0, 0];
  const errorOf = (row: readonly number[]): number =>
    1 - row.reduce((sum, factor, index) => sum + factor * (parts[index] ?? 0), 0);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let part = 0; part < parts.length; part++) {
      let [pull, weight] = [0, 0];
      for (const row of rows) {
        const factor = row[part] ?? 0;
        pull += errorOf(row) * factor;
        weight += factor ** 2;
      }
      parts[part] = Math.max(0, (parts[part] ?? 0) + pull / weight);
    }
  }
  const [base = 0, node = 0, task = 0] = parts;
  const worst = Math.max(...rows.map((row) => Math.abs(errorOf(row))));
  return { base, perNode: node / most, perTask: task / many, worst };
}

function max(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return Math.max(1, ...samples.map(of));
}
