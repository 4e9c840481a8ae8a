import { isTerminal, type Task } from '@gantry/model/task';
import { failing, hasFailed, moved, restarted, stopCause } from './ends.ts';
import { lasting, nodeName, numberOf, taskName, type Facts, type Said } from './facts.ts';
import { serviceWords } from './service.ts';

/** Why one task is as it is, and what came before it in its place. */
export function taskWords(facts: Facts, task: Task): readonly Said[] {
  const place = facts.places.find(({ tasks }) => tasks.includes(task));
  const own: Facts = { ...facts, places: place ? [place] : [] };
  const newest = place?.tasks[0] === task || place?.live === task;
  if (task.run !== undefined) return [stateWords(own, task), ...serviceWords(own)];
  // The rule of the service says more: what would make room.
  if (place?.live === task && task.nodeId === undefined) return serviceWords(own);
  const after = newest ? [failing(own), restarted(own), moved(own)].flatMap((said) => said ?? []) : [];
  // A failure that is being dealt with says all; of others, the state comes first.
  return newest && failing(own) ? after : [stateWords(own, task), ...after];
}

function stateWords(facts: Facts, task: Task): Said {
  const { view, service, now } = facts;
  const { status, desired, id } = task;
  const name = `${taskName(view, service, task)} (${id})`;
  const node = nodeName(view, task.nodeId);
  const ago = lasting(now - status.at);
  if (isTerminal(status.state)) return { answer: `${name} ${ended(facts, task)}`, ...logsOf(task) };
  if (desired !== 'running') return { answer: `${name} is stopping on ${node}: ${stopCause(facts, task)}` };
  if (task.nodeId === undefined)
    return { answer: `${name} waits for a host since ${lasting(now - task.createdAt)}: ${status.reason}` };
  const host = view.get('node', task.nodeId);
  if (host?.state === 'down')
    return {
      answer: `${name} was ${status.state} when its host ${node} was last heard: ${host.stateReason}`,
    };
  if (status.state !== 'running')
    return { answer: `${name} is ${status.state} on ${node} since ${ago}: ${status.reason}` };
  if (!status.ready) return { answer: `${name} runs on ${node} but gets no traffic: ${status.reason}` };
  const revision = numberOf(view, task.revisionId);
  return { answer: `${name} runs revision ${revision} on ${node} and is ready since ${ago}` };
}

function ended(facts: Facts, task: Task): string {
  const { status } = task;
  const on = task.nodeId === undefined ? '' : ` on ${nodeName(facts.view, task.nodeId)}`;
  const ago = `${lasting(facts.now - status.at)} ago`;
  if (status.state === 'shutdown') return `was stopped${on} ${ago}: ${stopCause(facts, task)}`;
  if (status.state === 'orphaned') return `was given up ${ago}: ${status.reason}`;
  if (status.state === 'complete') return `ended well${on} ${ago}`;
  return `${status.state === 'rejected' ? 'was refused' : 'failed'}${on} ${ago}: ${status.reason}`;
}

function logsOf(task: Task): { readonly fixes?: readonly string[] } {
  return hasFailed(task) && task.status.state !== 'rejected' ? { fixes: [`gantry logs ${task.id}`] } : {};
}
