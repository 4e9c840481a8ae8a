import type { Service } from '@gantry/model/service';
import type { RebalanceRequest, RebalanceResponse, TaskMove } from '@gantry/proto/gen/gantry/v1/rebalance';
import { rebalance, type Move } from '../scheduler/rebalance.ts';
import type { View } from '../store/store.ts';
import { fullName, servicesNamed } from './names.ts';
import { Writer, type Step, type WriterDeps } from './writer.ts';

/** Moves of one call, at most: each is a start and a stop. */
const mostMoves = 100;

/** Marks the tasks that should make way; who makes tasks then replaces them, one after the other, ready first. */
export async function rebalanceTasks(
  deps: WriterDeps,
  { name, maxMoves, dryRun }: RebalanceRequest,
): Promise<RebalanceResponse> {
  const look = (view: View): readonly Move[] => {
    const wanted = name === '' ? undefined : new Set(servicesNamed(view, name).map(({ id }) => id));
    const wants = ({ id }: Service): boolean => wanted?.has(id) ?? true;
    return rebalance(view, { maxMoves: Math.min(maxMoves, mostMoves), wants, now: deps.clock.now() });
  };
  const view = deps.store.view();
  if (dryRun) return { moves: look(view).map((move) => moveView(view, move)) };
  const moves = await new Writer(deps).commit((now) => steps(now, look(now), deps.clock.now()));
  return { moves: moves.flat() };
}

/** One write for each service that has tasks to move. */
function steps(view: View, moves: readonly Move[], at: number): readonly Step<TaskMove[]>[] {
  const ids = [...new Set(moves.map(({ task }) => task.serviceId))];
  return ids.flatMap((id) => {
    const own = moves.filter(({ task }) => task.serviceId === id);
    const service = view.get('service', id);
    if (!service) return [];
    const object: Service = { ...service, moves: { tasks: own.map(({ task }) => task.id), at } };
    return [{ answer: own.map((move) => moveView(view, move)), writes: [{ op: 'put', object }] }];
  });
}

function moveView(view: View, { task, from, to, why }: Move): TaskMove {
  const service = view.get('service', task.serviceId);
  const nodeName = (id: string): string => view.get('node', id)?.name ?? id;
  return {
    taskId: task.id,
    serviceId: task.serviceId,
    task: service ? `${fullName(service)}.${task.slot}` : task.id,
    from: nodeName(from),
    to: nodeName(to),
    why,
  };
}
