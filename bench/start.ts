import { bareStart, makeBare, removeBare, type Bare } from './bare.ts';
import { benchCluster, type BenchCluster } from './cluster.ts';
import type { BenchResult, Figure } from './report.ts';
import { startPhases } from './start-phases.ts';

/** Replicas, and how often each is measured. */
const sizes = [
  [1, 9],
  [10, 5],
  [50, 5],
  [200, 2],
] as const;
const width = 4;
/** Addresses rest for 10 s after use, and a host has 252: 200 twice would wait for them, ms. */
const restMs = 11_000;

/** `apply` → all replicas running on one host, against bare `runc run -d` for as many, taken in turn. */
export async function run(): Promise<BenchResult> {
  const bare = makeBare();
  const figures: Figure[] = [];
  try {
    const cluster = await benchCluster(1);
    try {
      for (const [size, rounds] of sizes) figures.push(...(await measure(cluster, bare, size, rounds)));
    } finally {
      await cluster.stop();
    }
    figures.push(...(await startPhases()));
  } finally {
    removeBare(bare);
  }
  return {
    setup:
      'one host, unpacked local image (busybox), network included; bare runc: no network, no monitor, no seccomp; in turn',
    figures,
  };
}

/** Two peers: as a person would start them, one after another, and as fast as runc goes. */
async function measure(
  cluster: BenchCluster,
  bare: Bare,
  size: number,
  rounds: number,
): Promise<readonly Figure[]> {
  const [ours, single, wide]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    if (size > 100) await new Promise((resolve) => setTimeout(resolve, restMs));
    single.push(await bareStart(bare, size, 1));
    ours.push(await clusterStart(cluster, size));
    wide.push(await bareStart(bare, size, width));
  }
  const what = `apply → ${size} running`;
  const target = size === 50 ? '≤ 2.5 ×' : '';
  const one = {
    what,
    ours,
    peer: { name: `runc run -d × ${size}, one after another`, values: single },
    target,
  };
  const four = {
    what,
    ours,
    peer: { name: `runc run -d × ${size}, ${width} at a time`, values: wide },
    target,
  };
  return size === 1 ? [one] : [one, four];
}

async function clusterStart(cluster: BenchCluster, size: number): Promise<number> {
  const started = performance.now();
  await cluster.apply(size);
  await cluster.until(
    (tasks) => tasks.filter((task) => task.status?.state === 'running').length >= size,
    60_000,
  );
  const took = performance.now() - started;
  await cluster.remove();
  return took;
}
