import { defaultPools, type Pools } from '@gantry/model/addresses';
import type { EndpointAssignment } from '@gantry/model/assignment';
import type { NetworkState, TaskNetworking } from '../network/network.ts';

/** Who asks: a container of this host. */
export interface Asker {
  readonly stack: string;
  readonly networks: readonly string[];
}

/** What is known of names on this host; read by `answer`, changed by the shell. */
export interface NameView {
  /** Another one whenever an answer may be another. */
  readonly revision: number;
  readonly pools: Pools;
  /** Services known by a name on a network. */
  named(network: string, name: string): readonly EndpointAssignment[];
  /** The service that has this virtual address, or a ready task with it. */
  at(address: string): EndpointAssignment | undefined;
  /** The container of this host that has an address. */
  asker(address: string): Asker | undefined;
}

/** The names of the cluster, indexed: a change costs what it concerns, and a question a few look-ups. */
export class Directory implements NameView {
  revision = 0;
  pools = defaultPools;
  #endpoints: ReadonlyMap<string, EndpointAssignment> = new Map();
  readonly #named = new Map<string, Map<string, EndpointAssignment>>();
  readonly #at = new Map<string, EndpointAssignment>();
  #tasks: ReadonlyMap<string, TaskNetworking> = new Map();
  readonly #holders = new Map<string, string>();

  /** The services as they are now. Those that are the same objects as before cost nothing but the look. */
  use({ endpoints, tasks, pools }: Pick<NetworkState, 'endpoints' | 'tasks' | 'pools'>): void {
    this.revision++;
    this.pools = pools;
    const now = new Map(endpoints.map((endpoint) => [endpoint.serviceId, endpoint]));
    const before = this.#endpoints;
    for (const [id, old] of before) if (now.get(id) !== old) this.#forget(old);
    for (const [id, endpoint] of now) if (before.get(id) !== endpoint) this.#learn(endpoint);
    this.#endpoints = now;
    this.#tasks = new Map(tasks.map((task) => [task.taskId, task]));
  }

  /** A container of this host has, or no longer has, an address. */
  attached(address: string, taskId: string): void {
    this.revision++;
    this.#holders.set(address, taskId);
  }

  detached(taskId: string): void {
    this.revision++;
    for (const [address, holder] of this.#holders) if (holder === taskId) this.#holders.delete(address);
  }

  named(network: string, name: string): readonly EndpointAssignment[] {
    const found = this.#named.get(keyOf(network, name));
    return found ? [...found.values()] : none;
  }

  at(address: string): EndpointAssignment | undefined {
    return this.#at.get(address);
  }

  asker(address: string): Asker | undefined {
    const task = this.#tasks.get(this.#holders.get(address) ?? '');
    return task && { stack: task.stack, networks: task.networking.networks.map(({ name }) => name) };
  }

  #learn(endpoint: EndpointAssignment): void {
    for (const key of keysOf(endpoint)) {
      const named = this.#named.get(key);
      if (named) named.set(endpoint.serviceId, endpoint);
      else this.#named.set(key, new Map([[endpoint.serviceId, endpoint]]));
    }
    for (const address of addressesOf(endpoint)) this.#at.set(address, endpoint);
  }

  #forget(endpoint: EndpointAssignment): void {
    for (const key of keysOf(endpoint)) {
      const named = this.#named.get(key);
      named?.delete(endpoint.serviceId);
      if (named?.size === 0) this.#named.delete(key);
    }
    // Another may have the address by now: then it stays.
    for (const address of addressesOf(endpoint))
      if (this.#at.get(address) === endpoint) this.#at.delete(address);
  }
}

const none: readonly EndpointAssignment[] = [];

function keyOf(network: string, name: string): string {
  return `${network} ${name}`;
}

function* keysOf({ stack, service, networking }: EndpointAssignment): Iterable<string> {
  for (const { name: network, aliases } of networking.networks) {
    for (const name of new Set([service, `${service}.${stack}`, ...aliases])) yield keyOf(network, name);
  }
}

function* addressesOf({ vip, backends }: EndpointAssignment): Iterable<string> {
  if (vip !== '') yield vip;
  for (const { address } of backends) yield address;
}
