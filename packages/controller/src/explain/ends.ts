import { restartDelayMs } from '@gantry/model/restart';
import type { Task } from '@gantry/model/task';
import {
  isCurrent,
  lasting,
  named,
  nodeName,
  numberOf,
  taskName,
  type Facts,
  type Place,
  type Said,
} from './facts.ts';

/** Places whose newest task ended by itself, and what follows: another try after a back-off, or none. */
export function failing(facts: Facts): Said | undefined {
  const places = facts.places.filter(
    ({ live, tasks }) => !live && tasks[0]?.desired === 'running' && isDown(facts, tasks[0]),
  );
  const [place] = places;
  const ended = place?.tasks[0];
  if (!place || !ended) return undefined;
  const others = places.length > 1 ? `; so are ${named(places.slice(1))}` : '';
  return { answer: `${failed(facts, place, ended)}${others}`, fixes: fixesOf(facts, place, ended) };
}

function failed({ service, now }: Facts, { key, name }: Place, ended: Task): string {
  const policy = service.spec.restart;
  const restarts = service.restarts[key];
  const known = restarts?.revisionId === ended.revisionId ? restarts.count : 0;
  const count = restarts?.lastTask === ended.id ? restarts.count : known + 1;
  const often = count > 1 ? `, ${count} times in a row` : '';
  const why = `${name} is down: ${ended.status.reason}${often}`;
  if (policy.condition === 'none') return `${why}; its restart policy is "no", so it stays down`;
  if (policy.maxAttempts !== undefined && count > policy.maxAttempts)
    return `${why}; its restart policy allows ${policy.maxAttempts} attempts, so it stays down`;
  const at = (restarts?.lastAt ?? now) + restartDelayMs(policy, count);
  if (at <= now) return `${why}; it is about to be started again`;
  return `${why}; it is started again in ${lasting(at - now)} (the wait doubles up to ${lasting(policy.maxDelayMs)})`;
}

/** It ended, and that is not how it should be. */
function isDown({ service }: Facts, task: Task): boolean {
  if (task.status.state === 'complete') return service.spec.restart.condition === 'any';
  return hasFailed(task);
}

function fixesOf({ service }: Facts, { name }: Place, { status, slot }: Task): readonly string[] {
  if (status.state === 'rejected')
    return [`gantry image ls, or the registry: is ${service.spec.container.image} there?`];
  const logs = slot === 0 ? `gantry logs --previous ${service.spec.name}` : `gantry logs --previous ${name}`;
  return status.oom ? ['raise deploy.resources.limits.memory', logs] : [logs];
}

/** Places whose task is new because the one before failed, lately. */
export function restarted(facts: Facts): Said | undefined {
  for (const { live, tasks, name, key } of facts.places) {
    const before = live && tasks.find((task) => task.createdAt < live.createdAt && task !== live);
    if (!before || !hasFailed(before) || !isCurrent(facts, live)) continue;
    const count = facts.service.restarts[key]?.count ?? 1;
    const often = count > 1 ? `, ${count} times in a row` : '';
    const ago = lasting(facts.now - live.createdAt);
    return {
      answer: `${name} was restarted ${ago} ago: ${before.status.reason}${often}`,
      fixes: [`gantry logs --previous ${facts.service.spec.name}`],
    };
  }
  return undefined;
}

/** Places whose task was made because the host of the one before was lost, drained, or is gone. */
export function moved(facts: Facts): Said | undefined {
  for (const { live, tasks, name } of facts.places) {
    const before = live && tasks.find((task) => task.createdAt < live.createdAt);
    if (!before || !wasMoved(live, before)) continue;
    const [from, to] = [before, live].map(({ nodeId }) => nodeName(facts.view, nodeId));
    const ago = lasting(facts.now - live.createdAt);
    const why = hostWords(facts, before);
    return { answer: `${name} was moved from ${from ?? ''} to ${to ?? ''} ${ago} ago${why}` };
  }
  return undefined;
}

function wasMoved(live: Task, before: Task): boolean {
  return (
    before.revisionId === live.revisionId &&
    before.nodeId !== undefined &&
    live.nodeId !== undefined &&
    before.nodeId !== live.nodeId &&
    !hasFailed(before)
  );
}

function hostWords({ view }: Facts, { nodeId }: Task): string {
  const node = view.get('node', nodeId ?? '');
  if (!node) return ': that host was removed';
  if (node.state === 'down') return `: ${node.name} is down, ${node.stateReason}`;
  return node.availability === 'drain' ? `: ${node.name} is being drained` : '';
}

export function hasFailed({ status: { state } }: Task): boolean {
  return state === 'failed' || state === 'rejected' || state === 'complete';
}

/** Why a task that was told to stop was told so, as far as what is there now shows. */
export function stopCause(facts: Facts, task: Task): string {
  const { service, view } = facts;
  const node = view.get('node', task.nodeId ?? '');
  const { mode } = service.spec;
  if (service.removing) return 'its service is being removed';
  if (task.makesWay !== undefined) return 'one of higher priority needs its room';
  if (mode.kind === 'replicated' && task.slot > mode.replicas)
    return `the service was scaled down to ${mode.replicas}`;
  if (node?.state === 'down') return `its host ${node.name} is down, ${node.stateReason}`;
  if (node?.availability === 'drain') return `its host ${node.name} is being drained`;
  const place = facts.places.find(({ tasks }) => tasks.includes(task));
  const next = place?.tasks.find((other) => other.createdAt > task.createdAt);
  if (next && next.revisionId !== task.revisionId)
    return `revision ${numberOf(view, next.revisionId)} took its place`;
  return next
    ? `${taskName(view, service, next)} on ${nodeName(view, next.nodeId)} took its place`
    : 'it is not wanted any more';
}
