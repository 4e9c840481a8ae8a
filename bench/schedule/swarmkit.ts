import { execFileSync } from 'node:child_process';

/** SwarmKit's own rates: tasks a second, and tasks for each second of its processor time. */
export interface SwarmkitRates {
  readonly decide: number;
  readonly commit: number;
  readonly decideCpu: number;
  readonly commitCpu: number;
}

/** One round of a row by SwarmKit's scheduler; `program` is what `bench/peers/swarmkit/run.mjs` has built. */
export function swarmkitRow(program: string, row: string): SwarmkitRates {
  const said = execFileSync(program, ['-test.run', 'TestRows', '-test.timeout', '1800s'], {
    env: { ...process.env, ROW: row, ROUNDS: '1' },
    encoding: 'utf8',
    // It logs every lack of a commit version; only its results count.
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = said.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`SwarmKit said nothing of ${row}: ${said.slice(0, 200)}`);
  return JSON.parse(line) as SwarmkitRates;
}
