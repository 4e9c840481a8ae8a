import { readFileSync } from 'node:fs';
import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { benchCluster, type BenchCluster } from './cluster.ts';
import type { Figure } from './report.ts';

const rounds = 9;

/** One start, as the cluster tells of it: when each state began, ms since the epoch. */
interface Start {
  readonly id: string;
  readonly appliedAt: number;
  readonly createdAt: number;
  readonly at: ReadonlyMap<string, number>;
  readonly seenAt: number;
}

/** Where the time of one start goes: by the times of its statuses, and by the agent's debug log. */
export async function startPhases(): Promise<readonly Figure[]> {
  const cluster = await benchCluster(1, 'debug');
  try {
    await oneStart(cluster); // the first is slower: nothing has been loaded yet
    const rows = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      const start = await oneStart(cluster);
      const phases = [
        ...clusterPhases(start),
        ...agentPhases(cluster.local.process('agent-n1').logFile, start.id),
      ];
      for (const [phase, ms] of phases) rows.set(phase, [...(rows.get(phase) ?? []), ms]);
    }
    return [...rows].map(([phase, ours]) => ({ what: `  of one start: ${phase}`, ours, target: '' }));
  } finally {
    await cluster.stop();
  }
}

async function oneStart(cluster: BenchCluster): Promise<Start> {
  const at = new Map<string, number>();
  let task: TaskView | undefined;
  const appliedAt = Date.now();
  await cluster.apply(1);
  await cluster.until((tasks) => {
    task = tasks[0];
    const { state, at: since } = task?.status ?? {};
    if (state !== undefined && !at.has(state)) at.set(state, Number(since));
    return state === 'running';
  }, 30_000);
  const seenAt = Date.now();
  await cluster.remove();
  return { id: task?.id ?? '', appliedAt, createdAt: Number(task?.createdAt), at, seenAt };
}

/** A state that was over before it could be told is left out. */
function clusterPhases({ appliedAt, createdAt, at, seenAt }: Start): readonly (readonly [string, number])[] {
  const between = [
    ['apply → task (api, etcd, deciding)', appliedAt, createdAt],
    ['task → placed (etcd, scheduling)', createdAt, at.get('assigned')],
    ['placed → host begins (etcd, dispatch)', at.get('assigned'), at.get('preparing')],
    ['runs → seen by the user (report, etcd, watch)', at.get('running'), seenAt],
  ] as const;
  return between.flatMap(([phase, from, to]) =>
    from === undefined || to === undefined ? [] : [[phase, to - from] as const],
  );
}

interface LogLine {
  readonly msg?: string;
  readonly task?: string;
  readonly id?: string;
  readonly phases?: Readonly<Record<string, number>>;
  readonly createMs?: number;
  readonly startMs?: number;
}

function agentPhases(logFile: string, taskId: string): readonly (readonly [string, number])[] {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  const said = lines.flatMap((line) => (line.includes(taskId) ? [JSON.parse(line) as LogLine] : []));
  const { mount, network, files, record } = said.find(({ phases }) => phases)?.phases ?? {};
  const { createMs, startMs } = said.find(({ id, createMs: ms }) => id === taskId && ms !== undefined) ?? {};
  const all = {
    'on the host: mount': mount,
    'on the host, beside it: namespace, link, rules': network,
    'on the host: files': files,
    'on the host: record on disk': record,
    'on the host: conmon, runc create': createMs,
    'on the host: start': startMs,
  };
  return Object.entries(all).flatMap(([phase, ms]) => (ms === undefined ? [] : [[phase, ms] as const]));
}
