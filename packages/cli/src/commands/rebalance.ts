import { GantryError } from '@gantry/kit/errors';
import type { TaskMove } from '@gantry/proto/gen/gantry/v1/rebalance';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { Shape } from '../output/output.ts';
import { goalOf } from '../rollout/goal.ts';
import { waitForGoals } from '../rollout/wait.ts';
import type { WaitOptions } from './services.ts';

export interface RebalanceOptions extends WaitOptions {
  readonly maxMoves: number;
  readonly dryRun?: boolean;
}

const moveShape: Shape<TaskMove> = {
  header: ['TASK', 'FROM', 'TO', 'WHY'],
  row: ({ task, from, to, why }) => [task, from, to, why],
  wideHeader: ['ID'],
  wideRow: ({ taskId }) => [taskId],
  name: ({ task }) => task,
  empty: 'nothing to move: it is as even as it can be',
};

/** `gantry rebalance [NAME]`: shows the moves, makes them, and waits until they are made. */
export function rebalanceCommand(
  io: Io,
  options: RebalanceOptions,
  name: string | undefined,
): Promise<number> {
  const { maxMoves, dryRun = false } = options;
  if (!Number.isInteger(maxMoves) || maxMoves < 1 || maxMoves > 100)
    throw new GantryError('invalid', '--max-moves must be a whole number from 1 to 100');
  return withContext(io, options, async (context) => {
    const { client, output } = context;
    const request = { name: name ?? '', maxMoves, dryRun };
    const { moves } = await client.call(client.control.rebalance.bind(client.control), request);
    output.list(moves, moveShape);
    if (dryRun || options.detach || moves.length === 0) return 0;
    const services = new Map(moves.map(({ serviceId, task }) => [serviceId, task.replace(/\.\d+$/, '')]));
    const goals = [...services].map(([serviceId, service]) => ({
      ...goalOf({ serviceId, name: service, change: 'updated' }),
      anyRevision: true,
    }));
    return waitForGoals(context, goals);
  });
}
