import type { ServiceSpec } from './service.ts';

/** A network that a service is on: two services reach each other if, and only if, they share one. */
export interface NetworkAttachment {
  /** Unique in the cluster: `shop_backend`, or what `name:` says. Stacks that say the same name share the network. */
  readonly name: string;
  /** Further names of the service on this network. */
  readonly aliases: readonly string[];
  /** It gives no way to the outside world. All services on a network say the same of it. */
  readonly internal: boolean;
}

/** `vip`: the service's name is one address, balanced by the kernel; `dnsrr`: it is the addresses of all ready tasks. */
export type EndpointMode = 'vip' | 'dnsrr';
/** `client`: connections from one client address lead to the same task, as long as the ready tasks are the same. */
export type Affinity = 'none' | 'client';

export interface ExposedPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

/** How a service stands in the network. Changing it replaces no task. */
export interface ServiceNetworking {
  /** None: it reaches nobody and nobody reaches it. */
  readonly networks: readonly NetworkAttachment[];
  readonly endpointMode: EndpointMode;
  readonly affinity: Affinity;
  /** Ports that answers of type SRV name beside the published ones. They open nothing: inside a network all ports are. */
  readonly expose: readonly ExposedPort[];
  /** Time that open connections get to end, once a stopping task gets no new ones and before its stop signal, ms. */
  readonly drainMs: number;
}

/** Names of the cluster are below this domain; `.internal` is reserved for private use by ICANN. */
export const clusterDomain = 'gantry.internal';

/** What is put behind short names inside a stack. */
export function searchDomains(stack: string): readonly string[] {
  return [`${stack}.${clusterDomain}`, clusterDomain];
}

export const defaultDrainMs = 5_000;

/** What a network of a stack is called in the cluster. No stack has `_` in its name, so two stacks never collide. */
export function networkName(stack: string, network: string): string {
  return `${stack}_${network}`;
}

/** On the stack's default network, with a virtual address: what holds for a service that says nothing. */
export function defaultNetworking(stack: string): ServiceNetworking {
  return {
    networks: [{ name: networkName(stack, 'default'), aliases: [], internal: false }],
    endpointMode: 'vip',
    affinity: 'none',
    expose: [],
    drainMs: defaultDrainMs,
  };
}

export function networkingOf(spec: Pick<ServiceSpec, 'stack' | 'networking'>): ServiceNetworking {
  return spec.networking ?? defaultNetworking(spec.stack);
}

/** True if the service's tasks may open connections to the world outside of the cluster. */
export function reachesOutside({ networks }: Pick<ServiceNetworking, 'networks'>): boolean {
  return networks.some(({ internal }) => !internal);
}

/** Names of the networks that both are on: they reach each other if there is one. */
export function sharedNetworks(
  a: Pick<ServiceNetworking, 'networks'>,
  b: Pick<ServiceNetworking, 'networks'>,
): readonly string[] {
  const names = new Set(b.networks.map(({ name }) => name));
  return a.networks.map(({ name }) => name).filter((name) => names.has(name));
}
