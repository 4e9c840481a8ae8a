import { report, type BenchResult, type Figure } from './report.ts';
import { commitAll, type Committed } from './schedule/commit.ts';
import { shapes, type Shape } from './schedule/cluster.ts';
import { decideAll, type Decided } from './schedule/decide.ts';
import { placeOpenb } from './schedule/openb.ts';
import type { Spent } from './schedule/spent.ts';
import { swarmkitRow, type SwarmkitRates } from './schedule/swarmkit.ts';

const rounds = Number(option('rounds') ?? 5);
const swarmkit = option('swarmkit');
const only = option('rows');

/** Runs of the first row before anything counts: a controller has run for long, and SwarmKit is compiled beforehand. */
const warming = 8;

/**
 * Placing, on one core: the set-ups of SwarmKit's scheduler benchmarks (its own rates, of the same host, stand as the
 * target), how long the thread is held, and the openb trace. `GANTRY_BENCH_OPENB` names a folder with another trace.
 * `--swarmkit PROGRAM`: SwarmKit's scheduler on the same rows, in turn with ours (bench/peers/swarmkit). `--rows`, `--rounds`: fewer.
 */
export async function run(): Promise<BenchResult> {
  const figures: Figure[] = [];
  for (let run = 0; run < warming; run++) {
    decideAll(shapes[0]);
    await commitAll(shapes[0]);
  }
  for (const shape of shapes) {
    if (only !== undefined && !only.split(',').includes(shape.name)) continue;
    const found = await measured(shape);
    process.stderr.write(report({ setup: shape.name, figures: found }));
    figures.push(...found);
  }
  const trace = process.env.GANTRY_BENCH_OPENB;
  for (const { percent, refused, unallocated } of placeOpenb(trace)) {
    const target = percent === 90 ? '0' : percent === 100 ? '≤ 0.8 % of GPUs' : 'none';
    figures.push(
      { what: `openb at ${percent} % of arrivals: refused`, ours: [refused], unit: 'tasks', target },
      { what: `openb at ${percent} % of arrivals: unallocated GPUs`, ours: [unallocated], unit: '%', target },
    );
  }
  return {
    setup: `the real scheduler, loop and store over a log in memory, one thread, ${rounds} runs each after ${warming} of the first row that do not count; nodes/tasks/services, each task 100m and 500 MiB (1k: and over 3 zones, and on every second node)`,
    figures,
  };
}

async function measured(shape: Shape): Promise<readonly Figure[]> {
  const decided: Decided[] = [];
  const committed: Committed[] = [];
  const peers: SwarmkitRates[] = [];
  for (let round = 0; round < rounds; round++) {
    if (swarmkit !== undefined) peers.push(swarmkitRow(swarmkit, shape.name));
    decided.push(decideAll(shape));
    committed.push(await commitAll(shape));
  }
  const [unit, bound] = ['tasks/s', { target: '≤ 50 ms' }];
  const rates = (kind: 'decide' | 'commit', by: keyof Spent): Omit<Figure, 'what'> => {
    const runs = kind === 'decide' ? decided : committed;
    const ours = runs.map(({ spent }) => (shape.tasks / spent[by]) * 1_000);
    const factor = kind === 'decide' ? 2 : 10;
    const [low, high] = shape.swarmkit[kind];
    if (peers.length === 0) return { ours, unit, target: `${factor} × SwarmKit's ${low}–${high}` };
    const values = peers.map((peer) => peer[by === 'cpu' ? (`${kind}Cpu` as const) : kind]);
    return { ours, unit, target: `${factor} × the peer's`, peer: { name: 'SwarmKit', values } };
  };
  return [
    { what: `${shape.name}: decide only`, ...rates('decide', 'wall') },
    { what: `${shape.name}: decide only, by processor time`, ...rates('decide', 'cpu') },
    { what: `${shape.name}: with commits`, ...rates('commit', 'wall') },
    { what: `${shape.name}: with commits, by processor time`, ...rates('commit', 'cpu') },
    { what: `${shape.name}: longest decision`, ours: decided.map(({ longest }) => longest), ...bound },
    { what: `${shape.name}: thread held, with commits`, ours: committed.map(({ longest }) => longest), ...bound },
  ]; // prettier-ignore
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}
