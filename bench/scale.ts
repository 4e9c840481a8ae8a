import type { ControlClient, ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import * as fromModel from '@gantry/proto/from-model';
import type { TestEtcd } from '../tests/support/etcd.ts';
import { helloSpec } from './cluster.ts';
import { footprint, type Footprint } from './footprint.ts';
import type { BenchResult, Figure } from './report.ts';
import { startPlane, type Plane } from './scale/plane.ts';

/** `npm run bench -- scale [--nodes 1000] [--tasks 30000] [--services 300] [--lose 0.05] [--steady 60] [--stack 50] [--silence 5]` */
interface Size {
  readonly nodes: number;
  readonly tasks: number;
  readonly services: number;
  /** Services of one stack, which share a network. */
  readonly stack: number;
  readonly loseShare: number;
  /** Time to look at a cluster in which nothing happens, s. */
  readonly steadySeconds: number;
  /** After which a host is down, s; on a busy machine hosts fall silent for want of cpu. */
  readonly silenceSeconds: number;
}

const limitMs = 280_000;
/** Asking costs the controller, too: it is done seldom while much is under way. */
const askEveryMs = 500;

export async function run(): Promise<BenchResult> {
  const size: Size = {
    nodes: option('nodes', 1_000),
    tasks: option('tasks', 30_000),
    services: option('services', 300),
    stack: option('stack', 50),
    loseShare: option('lose', 0.05),
    steadySeconds: option('steady', 60),
    silenceSeconds: option('silence', 5),
  };
  const plane = await startPlane(size.nodes, size.silenceSeconds);
  try {
    return await Promise.race([measure(plane, size), plane.lost]);
  } finally {
    await plane.stop();
  }
}

async function measure(plane: Plane, size: Size): Promise<BenchResult> {
  const figures: Figure[] = [];
  const note = (what: string, value: number, unit: string, target = ''): void => {
    figures.push({ what, ours: [value], target, unit });
    const at =
      process.env['CPU_PROF'] === undefined ? '' : `${(Number(process.hrtime.bigint()) / 1e9).toFixed(1)} `;
    process.stderr.write(`${at}${what}: ${value.toFixed(value < 10 ? 2 : 0)} ${unit}\n`);
  };
  await until(async () => (await nodesReady(plane.client)) === size.nodes, 'the nodes are not ready');
  await quiet(plane);
  const before = usageOf(plane);
  const writesBefore = await etcdFigures(plane.etcd);

  const began = performance.now();
  await apply(plane.client, size, size.tasks);
  const target = size.tasks;
  await until(async () => (await runningOf(plane.client)) >= target, 'the tasks do not all run');
  const seconds = (performance.now() - began) / 1_000;
  note('apply → all reported running', seconds * 1_000, 'ms');
  note('rate', size.tasks / seconds, 'tasks/s', '1,500 then 3,000');
  const latencies = (await tasksOf(plane.client)).map(
    ({ createdAt, status }) => (status?.at ?? 0) - createdAt,
  );
  latencies.sort((a, b) => a - b);
  note('create → running, p50', latencies[latencies.length >> 1] ?? 0, 'ms');
  note('create → running, p99', latencies[Math.floor(latencies.length * 0.99)] ?? 0, 'ms');
  const after = usageOf(plane);
  for (const [name, used] of Object.entries(after)) {
    const cpu = used.cpuSeconds - (before[name]?.cpuSeconds ?? 0);
    note(`${name}: cpu a task`, (cpu / size.tasks) * 1e6, 'µs');
    note(`${name}: RSS`, used.rssBytes / 2 ** 20, 'MiB', name === 'controller' ? '300' : '');
  }
  const writes = await etcdFigures(plane.etcd);
  note('etcd: puts a task', (writes.puts - writesBefore.puts) / size.tasks, 'puts', '4');
  note('etcd: transactions a task', (writes.txns - writesBefore.txns) / size.tasks, 'txns');
  note('etcd: database', writes.bytes / 2 ** 20, 'MiB', '100');

  await quiet(plane);
  const { steadySeconds } = size;
  const idleFrom = usageOf(plane);
  await pause(steadySeconds * 1_000);
  const steady = await etcdFigures(plane.etcd);
  note('steady: etcd puts a minute', ((steady.puts - writes.puts) / steadySeconds) * 60, 'puts');
  for (const [name, used] of Object.entries(usageOf(plane))) {
    const cpu = used.cpuSeconds - (idleFrom[name]?.cpuSeconds ?? 0);
    note(`steady, ${name}: cpu`, (cpu / steadySeconds) * 100, '% of a core');
    note(`steady, ${name}: RSS`, used.rssBytes / 2 ** 20, 'MiB', name === 'controller' ? '300' : '');
  }

  const lost = Math.round(size.nodes * size.loseShare);
  if (lost > 0) {
    const at = performance.now();
    plane.hollow.send({ lose: lost });
    await until(
      async () => (await nodesReady(plane.client)) === size.nodes - lost,
      'lost nodes are not noticed',
    );
    await until(
      async () => (await runningOf(plane.client)) >= target,
      'tasks of lost nodes are not replaced',
    );
    note(`${lost} nodes lost → all running elsewhere`, performance.now() - at, 'ms');
  }
  const down = performance.now();
  await apply(plane.client, size, 0);
  await until(async () => (await tasksOf(plane.client)).length === 0, 'the tasks do not end');
  note('scale to zero', performance.now() - down, 'ms');
  const thread = await plane.endController();
  note('controller: thread held, p99', thread.p99, 'ms');
  note('controller: thread held, longest', thread.longest, 'ms', '50');
  return {
    setup: `${size.nodes} hollow nodes, ${size.tasks} tasks of ${size.services} services in stacks of ${size.stack}; one controller, etcd and all nodes on this host`,
    figures,
  };
}

/** Services in stacks: what a file may hold. */
async function apply(
  client: ControlClient,
  { services, stack: stackSize }: Size,
  tasks: number,
): Promise<void> {
  for (let from = 0; from < services; from += stackSize) {
    const stack = `scale-${from / stackSize}`;
    const some = Array.from({ length: Math.min(stackSize, services - from) }, (_, index) => {
      const replicas =
        Math.floor((tasks * (from + index + 1)) / services) - Math.floor((tasks * (from + index)) / services);
      return fromModel.serviceSpec({ ...helloSpec(replicas), stack, name: `s${from + index}` });
    });
    await call((done) =>
      client.apply({ stack, services: some, prune: true, credentials: [], contents: [] }, done),
    );
  }
}

async function runningOf(client: ControlClient): Promise<number> {
  const { services } = await call((done: Done<{ services: ServiceView[] }>) => client.listServices({}, done));
  return services.reduce((sum, { running }) => sum + running, 0);
}

async function tasksOf(client: ControlClient): Promise<readonly TaskView[]> {
  const { tasks } = await call((done: Done<{ tasks: TaskView[] }>) =>
    client.listTasks({ names: [], all: false }, done),
  );
  return tasks;
}

async function nodesReady(client: ControlClient): Promise<number> {
  const { nodes } = await call((done: Done<{ nodes: { state: string; subnet: string }[] }>) =>
    client.listNodes({}, done),
  );
  return nodes.filter(({ state, subnet }) => state === 'ready' && subnet !== '').length;
}

type Done<T> = (error: Error | null, value: T) => void;

function call<T>(start: (done: Done<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));
}

function usageOf({ processes }: Plane): Readonly<Record<string, Footprint>> {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, footprint(pid)]));
}

/** Waits until the controller has nothing to do. */
async function quiet(plane: Plane): Promise<void> {
  for (let looks = 0; looks < 60; looks++) {
    const before = usageOf(plane);
    await pause(1_000);
    const after = usageOf(plane);
    const used = Object.keys(after).reduce(
      (sum, name) => sum + (after[name]?.cpuSeconds ?? 0) - (before[name]?.cpuSeconds ?? 0),
      0,
    );
    if (used < 0.8) return;
  }
}

async function etcdFigures(etcd: TestEtcd): Promise<{ puts: number; txns: number; bytes: number }> {
  const text = await (await fetch(`${etcd.url}/metrics`)).text();
  const value = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    puts: value('etcd_debugging_mvcc_put_total'),
    txns: value('etcd_debugging_mvcc_txn_total'),
    bytes: value('etcd_mvcc_db_total_size_in_bytes'),
  };
}

async function until(check: () => Promise<boolean>, otherwise: string): Promise<void> {
  for (const end = performance.now() + limitMs; !(await check());) {
    if (performance.now() > end) throw new Error(otherwise);
    await pause(askEveryMs);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}
