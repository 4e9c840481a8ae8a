import { exec } from '@gantry/kit/exec';
import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { hostDown, hostUp } from '../tests/support/faults.ts';
import { waitForNodes } from '../packages/cli/src/local/nodes.ts';
import { benchCluster, type BenchCluster } from './cluster.ts';
import { loseLeader } from './lose-leader.ts';
import type { BenchResult } from './report.ts';

const rounds = 7;
const hostRounds = 5;

/** SIGKILL of a container → replacement running; a host gone → its tasks running elsewhere; the leader gone → a write is taken. */
export async function run(): Promise<BenchResult> {
  const cluster = await benchCluster(3);
  try {
    await cluster.apply(6);
    await cluster.until((tasks) => running(tasks).length === 6, 30_000);
    const crashes: number[] = [];
    for (let round = 0; round < rounds; round++) crashes.push(await crash(cluster));
    const losses: number[] = [];
    for (let round = 0; round < hostRounds; round++) losses.push(await loseHost(cluster));
    await cluster.remove();
    const leaders = await loseLeader(cluster);
    return {
      setup: 'three hosts, six replicas of a local image; times seen by a user who watches the service',
      figures: [
        { what: 'container killed → replacement running', ours: crashes, target: 'median < 100 ms' },
        { what: 'host gone → all running elsewhere', ours: losses, target: '≤ 8 s' },
        { what: 'leader killed → next write accepted by another controller', ours: leaders, target: '≤ 5 s' },
      ],
    };
  } finally {
    await cluster.stop();
  }
}

function running(tasks: readonly TaskView[]): readonly TaskView[] {
  return tasks.filter((task) => task.status?.state === 'running' && task.desired === 'running');
}

/** Applying a new count and back makes fresh slots, so that no back-off of an earlier round is measured. */
async function crash(cluster: BenchCluster): Promise<number> {
  let before: readonly TaskView[] = [];
  await cluster.apply(0);
  await cluster.until((tasks) => running(tasks).length === 0, 30_000);
  await cluster.apply(6);
  await cluster.until((tasks) => {
    before = running(tasks);
    return before.length === 6;
  }, 30_000);
  const victim = before[0];
  if (!victim?.status?.pid) throw new Error('a running task has no pid');
  const old = new Set(before.map((task) => task.id));
  const replaced = cluster.until((tasks) => running(tasks).some((task) => !old.has(task.id)), 30_000);
  const started = performance.now();
  process.kill(victim.status.pid, 'SIGKILL');
  await replaced;
  return performance.now() - started;
}

async function loseHost(cluster: BenchCluster): Promise<number> {
  const host = cluster.local.host('n2');
  const nodeName = host.name;
  const started = performance.now();
  await hostDown(exec, cluster.local, host);
  await cluster.until(
    (tasks) => running(tasks).filter((task) => task.node !== nodeName).length === 6,
    60_000,
  );
  const took = performance.now() - started;
  await hostUp(exec, cluster.local, host);
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
  await cluster.apply(0);
  await cluster.until((tasks) => running(tasks).length === 0, 30_000);
  await cluster.apply(6);
  await cluster.until((tasks) => running(tasks).length === 6, 30_000);
  return took;
}
