import { clusterDomain as domain } from '@gantry/model/network';

/** Lower case, without the dot at its end. */
export function normalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** A name without the cluster's domain; `ours` if it ended in it, so that nobody else can know it. */
export function withoutDomain(name: string): { readonly rest: string; readonly ours: boolean } {
  if (name === domain) return { rest: '', ours: true };
  return name.endsWith(`.${domain}`)
    ? { rest: name.slice(0, -domain.length - 1), ours: true }
    : { rest: name, ours: false };
}

/** What a name asks for, beside the service that it is about. */
export type Wanted =
  /** `web`: the service. */
  | { readonly kind: 'service'; readonly name: string }
  /** `tasks.web`: each ready task by itself. */
  | { readonly kind: 'tasks'; readonly name: string }
  /** `2.web`, or `k3x9….web`: one task, by its slot or id. */
  | { readonly kind: 'task'; readonly name: string; readonly task: string }
  /** `_tcp.web`, `_8080._tcp.web`: ports of the tasks. */
  | { readonly kind: 'ports'; readonly name: string; readonly protocol: string; readonly port?: number };

/** All that a name may mean, the plainest first: an alias may look like anything. */
export function* meaningsOf(name: string): Iterable<Wanted> {
  yield { kind: 'service', name };
  const tasks = /^tasks\.(.+)$/.exec(name);
  if (tasks?.[1] !== undefined) yield { kind: 'tasks', name: tasks[1] };
  const ports = /^(?:_(\d+)\.)?_(tcp|udp)\.(.+)$/.exec(name);
  if (ports?.[2] !== undefined && ports[3] !== undefined) {
    const port = ports[1] === undefined ? {} : { port: Number(ports[1]) };
    yield { kind: 'ports', name: ports[3], protocol: ports[2], ...port };
  }
  const task = /^(\d{1,5}|[0-9a-z]{12})\.(.+)$/.exec(name);
  if (task?.[1] !== undefined && task[2] !== undefined) yield { kind: 'task', name: task[2], task: task[1] };
}

/** `4.3.2.1.in-addr.arpa` as `1.2.3.4`; undefined for what is no whole reverse name. */
export function reversedAddress(name: string): string | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  return parts ? [parts[4], parts[3], parts[2], parts[1]].join('.') : undefined;
}
