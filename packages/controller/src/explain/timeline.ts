import { isTerminal, type Task } from '@gantry/model/task';
import { nodeName, numberOf, taskName, type Facts } from './facts.ts';

/** Something that happened, as the store still knows it. */
export interface Happened {
  /** ms since the epoch, by the clock of who wrote it. */
  readonly at: number;
  /** `web.2`, `n1`, `shop/web` */
  readonly about: string;
  readonly what: string;
}

/** What the store knows of the past of a service, or of some of its tasks; the oldest first, at most `most` of the newest. */
export function timelineOf(facts: Facts, tasks: readonly Task[], most: number): readonly Happened[] {
  const all = [
    ...tasks.flatMap((task) => taskPast(facts, task)),
    ...servicePast(facts),
    ...hostPast(facts, tasks),
  ];
  return all.sort((a, b) => a.at - b.at || (a.about < b.about ? -1 : 1)).slice(-most);
}

function taskPast({ view, service }: Facts, task: Task): readonly Happened[] {
  const about = `${taskName(view, service, task)} (${task.id})`;
  const { state, reason, at } = task.status;
  const on = task.nodeId === undefined || task.slot === 0 ? '' : ` on ${nodeName(view, task.nodeId)}`;
  const run = task.run === undefined ? '' : ` of run ${task.run}`;
  const made = { at: task.createdAt, about, what: `made${run}, revision ${numberOf(view, task.revisionId)}` };
  const stopping = task.desired !== 'running' && !isTerminal(state) ? ', told to stop' : '';
  return [made, { at, about, what: `${state}${on}${stopping}: ${reason}` }];
}

function servicePast({ service, view, name }: Facts): readonly Happened[] {
  const { update, hold, job } = service;
  const revisions = [...view.revisionsOfService(service.id)].map(({ createdAt, number, cause }) => ({
    at: createdAt,
    about: name,
    what: `revision ${number} ${cause ?? 'made'}`,
  }));
  const way = update
    ? [
        {
          at: update.at,
          about: name,
          what: `update ${update.back ? 'back, ' : ''}${update.state}: ${update.reason}`,
        },
      ]
    : [];
  const held = hold
    ? [{ at: hold.at, about: name, what: hold.paused ? 'paused by hand' : 'resumed by hand' }]
    : [];
  const runs = (job?.runs ?? []).flatMap(({ number, endedAt, startedAt, dueAt, state, reason }) => [
    { at: endedAt ?? startedAt ?? dueAt, about: name, what: `run ${number} ${state}: ${reason}` },
  ]);
  return [...revisions, ...way, ...held, ...runs];
}

function hostPast({ view }: Facts, tasks: readonly Task[]): readonly Happened[] {
  const ids = [...new Set(tasks.flatMap(({ nodeId }) => nodeId ?? []))];
  return ids.flatMap((id) => {
    const node = view.get('node', id);
    if (node?.silentSince === undefined) return [];
    return [
      { at: node.silentSince, about: node.name, what: `fell silent; ${node.state}: ${node.stateReason}` },
    ];
  });
}
