import type { Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import { explainTask } from '../scheduler/explain.ts';
import { failing, moved, restarted } from './ends.ts';
import { lasting, named, numberOf, type Facts, type Said } from './facts.ts';
import { jobWords } from './job.ts';

/** Hosts that are named one by one. */
const mostHosts = 20;

/** What may be said of a service; the first that has something to say is the answer, the others are said below it. */
const rules: readonly ((facts: Facts) => Said | undefined)[] = [
  removing,
  jobWords,
  wentBack,
  paused,
  waits,
  pending,
  failing,
  unhealthy,
  coming,
  rolling,
  restarted,
  moved,
];

/** Why a service is as it is: the weightiest first. Never empty. */
export function serviceWords(facts: Facts): readonly Said[] {
  const said = rules.flatMap((rule) => rule(facts) ?? []);
  return facts.service.spec.job || said.length > 0 ? said : [fine(facts)];
}

function removing({ service, places, name, view }: Facts): Said | undefined {
  if (!service.removing) return undefined;
  const left = places.flatMap(({ tasks }) => tasks);
  const deaf = left.filter(({ nodeId }) => view.get('node', nodeId ?? '')?.state === 'down');
  const why = deaf.length > 0 ? `; ${deaf.length} are on hosts that are down` : '';
  return { answer: `${name} is being removed: ${left.length} tasks are left${why}` };
}

function wentBack({ service, view, name, now }: Facts): Said | undefined {
  const { update } = service;
  if (!update?.back || update.to !== service.revisionId) return undefined;
  const [to, from] = [numberOf(view, update.stable), numberOf(view, update.to)];
  const how = update.state === 'done' ? 'went back' : 'is going back';
  return {
    answer: `${name} ${how} to revision ${to} by itself, ${lasting(now - update.at)} ago: ${update.reason}`,
    fixes: [`gantry diff ${name} ${to} ${from}`, 'apply again once it is repaired'],
  };
}

function paused({ service, name, now }: Facts): Said | undefined {
  const { update, hold } = service;
  const fixes = [`gantry resume ${name}`, `gantry rollback ${name}`];
  if (update?.state === 'paused' && update.to === service.revisionId)
    return {
      answer: `the update of ${name} is paused since ${lasting(now - update.at)}: ${update.reason}`,
      fixes,
    };
  if (hold?.paused && update?.state !== 'done')
    return { answer: `the update of ${name} was paused by hand ${lasting(now - hold.at)} ago`, fixes };
  return undefined;
}

function waits({ service, name }: Facts): Said | undefined {
  if (service.waiting === undefined) return undefined;
  const needed = /^(?:waits for|needs) (\S+)/.exec(service.waiting)?.[1]?.replace(/,$/, '');
  const fixes = needed === undefined ? [] : [`gantry why ${service.spec.stack}/${needed}`];
  return { answer: `${name} ${service.waiting} (depends_on)`, fixes };
}

function pending(facts: Facts): Said | undefined {
  const held = facts.places.filter(({ live }) => live?.nodeId === undefined && live !== undefined);
  const [first] = held;
  if (!first?.live) return undefined;
  const told = held.find(({ live }) => live?.status.state === 'pending')?.live;
  const verb = held.length === 1 ? 'waits' : 'wait';
  const reason = told?.status.reason ?? 'the scheduler has not come to it yet';
  return {
    answer: `${named(held)} ${verb} for a host: ${reason}`,
    ...(told && hostWords(facts, told, reason)),
  };
}

/** The smallest change that would make room; and what each host says, where the reason only counts them. */
function hostWords({ view }: Facts, task: Task, reason: string): Pick<Said, 'fixes' | 'details'> {
  const found = explainTask(view, task);
  if (!found) return {};
  const { perNode, smallestChange: change } = found;
  const on =
    change?.host === undefined || change.words.includes(change.host) ? '' : `, and ${change.host} takes it`;
  const counted = perNode.some(({ name }) => !reason.includes(`${name}: `));
  const lines = perNode.slice(0, mostHosts).map(({ name, reasons }) => `${name}: ${reasons.join('; and ')}`);
  const more = perNode.length - mostHosts;
  return {
    ...(change && { fixes: [`${change.words}${on}`] }),
    ...(counted && { details: [...lines, ...(more > 0 ? [`and ${more} hosts more`] : [])] }),
  };
}

function unhealthy({ places }: Facts): Said | undefined {
  const sick = places.filter(({ live }) => live?.status.state === 'running' && !live.status.ready);
  const [first] = sick;
  if (!first?.live) return undefined;
  const verb = sick.length === 1 ? 'gets' : 'get';
  const { status } = first.live;
  const health = status.health === 'starting' ? 'its health check has not passed yet: ' : '';
  return { answer: `${named(sick)} ${verb} no traffic: ${health}${status.reason}` };
}

function coming({ places, view, now }: Facts): Said | undefined {
  const states = ['assigned', 'preparing', 'starting'];
  const on = places.filter(
    ({ live }) => live && live.nodeId !== undefined && states.includes(live.status.state),
  );
  const live = on[0]?.live;
  if (!live) return undefined;
  const node = view.get('node', live.nodeId ?? '');
  const deaf = node?.state === 'down' || node?.silentSince !== undefined ? `; ${node.name} is not heard` : '';
  const since = lasting(now - live.status.at);
  const verb = on.length === 1 ? 'is' : 'are';
  return { answer: `${named(on)} ${verb} starting since ${since}: ${live.status.reason}${deaf}` };
}

function rolling({ service, places, view, name, now }: Facts): Said | undefined {
  const { update } = service;
  if (update?.state !== 'rolling' || update.back) return undefined;
  const target = targetRevision(service);
  const there = places.filter(({ live }) => live?.revisionId === target && live.status.ready).length;
  const since = lasting(now - update.startedAt);
  return {
    answer: `${name} goes to revision ${numberOf(view, target)} since ${since}: ${there} of ${places.length} places run it`,
  };
}

function fine({ places, service, name, now }: Facts): Said {
  const ready = places.flatMap(({ live }) => (live?.status.ready ? [live] : []));
  const wanted = service.spec.mode.kind === 'replicated' ? service.spec.mode.replicas : places.length;
  if (wanted === 0)
    return {
      answer: `${name} runs nothing: ${service.spec.mode.kind === 'global' ? 'no host takes it' : 'it is scaled to 0'}`,
    };
  const done = places.filter(({ live, tasks }) => !live && tasks[0]?.status.state === 'complete').length;
  if (done > 0) return { answer: `${name}: ${done} of ${wanted} ended well, and are not run again` };
  const since = Math.max(0, ...ready.map(({ status }) => status.at));
  const words = since > 0 ? ` since ${lasting(now - since)}` : '';
  return { answer: `${name} is as it should be: ${ready.length} of ${wanted} ready${words}` };
}
