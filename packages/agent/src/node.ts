import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { Random } from '@gantry/kit/random';
import type { NodeDescription } from '@gantry/model/node';
import type { AgentGatewayClient, RegisterResponse } from '@gantry/proto/gen/gantry/v1/agent';
import type { ReadRound } from './link/rounds.ts';
import type { Fence } from './fence/fence.ts';
import { FenceKeeper } from './fence/keeper.ts';
import { Link } from './link/link.ts';
import { Reporter } from './link/reporter.ts';
import { VolumeNews } from './link/volume-news.ts';
import { Worker, type WorkerDeps } from './worker/worker.ts';

/** What an agent is made of, on whatever host: the real one, a hollow one, a simulated one. */
export interface NodeParts extends Omit<WorkerDeps, 'report' | 'address' | 'fences'> {
  /** Guards over tasks that must never run twice; absent: this host takes none. */
  readonly fence?: Fence;
  /** A client of each controller, tried in turn. */
  readonly clients: readonly AgentGatewayClient[];
  readonly nodeId: string;
  readonly name: string;
  readonly description: NodeDescription;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly readRound?: ReadRound;
  readonly onSession?: (session: RegisterResponse, client: AgentGatewayClient) => void;
}

/** A host's worker, joined to the controller. */
export interface RunningNode {
  /** Ids of the tasks that run now. */
  running(): readonly string[];
  /** Stops working; containers go on. */
  close(): Promise<void>;
}

/** Takes up what the host holds, then speaks to the controller, for ever. */
export async function startNode(parts: NodeParts): Promise<RunningNode> {
  const reporter = new Reporter(parts.clock);
  const fences = parts.fence && new FenceKeeper(parts.fence, parts.log);
  const worker = new Worker({
    ...parts,
    ...(fences && { fences }),
    address: parts.description.address,
    report: (taskId, status) => reporter.report(taskId, status),
  });
  const volumeNews = new VolumeNews(parts.volumes, (error) =>
    parts.log.warn('the volumes of this host could not be listed', { error: String(error) }),
  );
  const link = new Link({
    ...parts,
    ...(fences && { contact: fences }),
    reporter,
    volumeNews,
    networkReport: () => parts.network.report(),
    statuses: () => worker.statuses(),
    onAssignments: (assignments) => worker.assign(assignments),
    onSession: (session, client) => parts.onSession?.(session, client),
  });
  await worker.start();
  link.start();
  return {
    running: () => worker.running(),
    close: async () => {
      volumeNews.close();
      await link.close();
      await worker.close();
    },
  };
}
