import { join } from 'node:path';
import { root } from '../tests/support/imports.ts';
import { benchCluster } from './cluster.ts';
import type { BenchResult } from './report.ts';
import { runOk } from './run.ts';

const rounds = 11;

/** What a user waits for: `--help` and `ls`, against a Node that does nothing. */
export async function run(): Promise<BenchResult> {
  const gantry = join(root, 'bin/gantry');
  const cluster = await benchCluster(1);
  try {
    const controller = ['--controller', cluster.local.controllerAddress];
    const nothing = time(['node', '-e', '0']);
    return {
      setup: `whole commands, ${rounds} runs each`,
      figures: [
        { what: 'gantry --help', ours: time([gantry, '--help']), peer: { name: 'node -e 0', values: nothing }, target: '≤ 120 ms' },
        { what: 'gantry ls', ours: time([gantry, 'ls', ...controller]), peer: { name: 'node -e 0', values: nothing }, target: '≤ 250 ms' },
      ], // prettier-ignore
    };
  } finally {
    await cluster.stop();
  }
}

function time(argv: readonly string[]): readonly number[] {
  return Array.from({ length: rounds }, () => {
    const started = performance.now();
    runOk(argv);
    return performance.now() - started;
  });
}
