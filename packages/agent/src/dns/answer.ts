import { contains, parseCidr, type Pools } from '@gantry/model/addresses';
import type { EndpointAssignment } from '@gantry/model/assignment';
import { clusterDomain } from '@gantry/model/network';
import type { Asker, NameView } from './directory.ts';
import { meaningsOf, normalName, reversedAddress, withoutDomain, type Wanted } from './names.ts';

/** One question, as on the wire: the name as it was written, the type in words. */
export interface Question {
  readonly name: string;
  readonly type: string;
}

export type Answer =
  /** `records` may be empty: the name is known, and has nothing of this type. */
  | {
      readonly kind: 'known';
      readonly records: readonly AnswerRecord[];
      readonly extra: readonly AnswerRecord[];
    }
  | { readonly kind: 'unknown' }
  /** Not a name of the cluster: the host's own resolvers may know it. */
  | { readonly kind: 'forward' }
  /** The asker is no container of this host. */
  | { readonly kind: 'refused' };

export type AnswerRecord =
  | { readonly type: 'A'; readonly name: string; readonly data: string }
  | { readonly type: 'PTR'; readonly name: string; readonly data: string }
  | {
      readonly type: 'SRV';
      readonly name: string;
      readonly data: {
        readonly target: string;
        readonly port: number;
        readonly priority: 0;
        readonly weight: 0;
      };
    };

export interface AnswerContext {
  readonly view: NameView;
  /** Counts up with each question, so that addresses take turns in being the first. */
  readonly turn: number;
}

/**
 * The answer to one question by the container that has the address `from`: names of the services that it shares a network
 * with, and of nothing else of the cluster. A task that is not ready is never named.
 */
export function answer(context: AnswerContext, question: Question, from: string): Answer {
  const asker = context.view.asker(from);
  if (!asker) return { kind: 'refused' };
  const name = normalName(question.name);
  if (name.endsWith('.in-addr.arpa')) return reverse(context, question, name, asker);
  const { rest, ours } = withoutDomain(name);
  const found = find(context.view, rest, asker);
  if (found) return known(context, question, found.wanted, found.endpoints);
  // A name without a dot is nobody else's either: it would only be told to strangers.
  return ours || !rest.includes('.') ? { kind: 'unknown' } : { kind: 'forward' };
}

/** True if the same question has another answer next time. */
export function takesTurns(answer: Answer): boolean {
  return answer.kind === 'known' && answer.records.length + answer.extra.length > 1;
}

interface Found {
  readonly wanted: Wanted;
  readonly endpoints: readonly EndpointAssignment[];
}

/** As it is written, then as a name within the asker's own stack (its search domain was put behind it). */
function find(view: NameView, name: string, asker: Asker): Found | undefined {
  const suffix = `.${asker.stack}`;
  const names = name.endsWith(suffix) ? [name, name.slice(0, -suffix.length)] : [name];
  for (const one of names) {
    for (const wanted of meaningsOf(one)) {
      const endpoints = reachable(view, wanted.name, asker);
      if (endpoints.length > 0) return { wanted, endpoints };
    }
  }
  return undefined;
}

/** Services of that name on the asker's networks; those of its own stack hide those of others. */
function reachable(view: NameView, name: string, { networks, stack }: Asker): readonly EndpointAssignment[] {
  const found = new Map(
    networks
      .flatMap((network) => view.named(network, name))
      .map((endpoint) => [endpoint.serviceId, endpoint]),
  );
  const all = [...found.values()];
  const own = all.filter((endpoint) => endpoint.stack === stack);
  return (own.length > 0 ? own : all).sort((a, b) => (a.serviceId < b.serviceId ? -1 : 1));
}

function known(
  { turn }: AnswerContext,
  { name, type }: Question,
  wanted: Wanted,
  endpoints: readonly EndpointAssignment[],
): Answer {
  if (type === 'SRV') return ports(name, wanted, endpoints, turn);
  if (type !== 'A' && type !== 'ANY') return { kind: 'known', records: [], extra: [] };
  const addresses = endpoints.flatMap((endpoint) => addressesOf(endpoint, wanted));
  if (wanted.kind === 'task' && addresses.length === 0) return { kind: 'unknown' };
  const records = rotated([...new Set(addresses)], turn).map((data) => ({ type: 'A', name, data }) as const);
  return { kind: 'known', records, extra: [] };
}

function addressesOf(endpoint: EndpointAssignment, wanted: Wanted): readonly string[] {
  const { vip, networking } = endpoint;
  if (wanted.kind === 'service' && networking.endpointMode === 'vip') return vip === '' ? [] : [vip];
  return tasksOf(endpoint, wanted).map(({ address }) => address);
}

function tasksOf({ backends }: EndpointAssignment, wanted: Wanted): EndpointAssignment['backends'] {
  if (wanted.kind !== 'task') return backends;
  const { task } = wanted;
  return backends.filter(({ slot, taskId }) => taskId === task || (slot > 0 && String(slot) === task));
}

/** A record for each port of each ready task, and the addresses of the names in them. */
function ports(name: string, wanted: Wanted, endpoints: readonly EndpointAssignment[], turn: number): Answer {
  const tasks = endpoints.flatMap((endpoint) =>
    tasksOf(endpoint, wanted).map((task) => ({ target: taskName(endpoint, task), task, endpoint })),
  );
  const turned = rotated(tasks, turn);
  const records = turned.flatMap(({ target, endpoint }) =>
    portsOf(endpoint, wanted).map((port) => srv(name, target, port)),
  );
  const extra = turned.map(({ target, task }) => ({ type: 'A', name: target, data: task.address }) as const);
  return { kind: 'known', records, extra: records.length > 0 ? extra : [] };
}

function srv(name: string, target: string, port: number): AnswerRecord {
  return { type: 'SRV', name, data: { target, port, priority: 0, weight: 0 } };
}

function portsOf({ ports: published, networking }: EndpointAssignment, wanted: Wanted): readonly number[] {
  const all = [...published.map(({ target: port, protocol }) => ({ port, protocol })), ...networking.expose];
  const asked = all.filter(
    ({ port, protocol }) =>
      wanted.kind !== 'ports' ||
      (protocol === wanted.protocol && (wanted.port === undefined || wanted.port === port)),
  );
  return [...new Set(asked.map(({ port }) => port))];
}

/** By its slot; a task of a global service has none and is named by its id. */
function taskName(
  { service, stack }: EndpointAssignment,
  task: EndpointAssignment['backends'][number],
): string {
  return `${task.slot > 0 ? task.slot : task.taskId}.${service}.${stack}.${clusterDomain}`;
}

function reverse({ view }: AnswerContext, question: Question, name: string, asker: Asker): Answer {
  const address = reversedAddress(name);
  if (address === undefined || !inPools(view.pools, address)) return { kind: 'forward' };
  const endpoint = view.at(address);
  if (!endpoint || !shares(endpoint, asker)) return { kind: 'unknown' };
  const task = endpoint.backends.find((backend) => backend.address === address);
  const data = task ? taskName(endpoint, task) : `${endpoint.service}.${endpoint.stack}.${clusterDomain}`;
  const records =
    question.type === 'PTR' || question.type === 'ANY'
      ? [{ type: 'PTR', name: question.name, data } as const]
      : [];
  return { kind: 'known', records, extra: [] };
}

function shares({ networking }: EndpointAssignment, { networks }: Asker): boolean {
  return networking.networks.some(({ name }) => networks.includes(name));
}

/** True of addresses that are the cluster's: nobody else knows their names. */
function inPools({ containerPool, vipPool }: Pools, address: string): boolean {
  return [containerPool, vipPool].some((pool) => contains(parseCidr(pool), address));
}

function rotated<T>(items: readonly T[], turn: number): readonly T[] {
  if (items.length < 2) return items;
  const from = turn % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}
