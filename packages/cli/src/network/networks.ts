import type { ServiceView } from '@gantry/proto/gen/gantry/v1/control';

/** A network as its services make it: it is there while one of them is on it. */
export interface NetworkView {
  readonly name: string;
  readonly internal: boolean;
  /** Full names, sorted. */
  readonly services: readonly string[];
  readonly stacks: readonly string[];
}

/** All networks of the cluster, by name. */
export function networksOf(services: readonly ServiceView[]): readonly NetworkView[] {
  const networks = new Map<string, { internal: boolean; members: ServiceView[] }>();
  for (const service of services) {
    for (const { name, internal } of service.networking?.networks ?? []) {
      const network = networks.get(name);
      if (network) network.members.push(service);
      else networks.set(name, { internal, members: [service] });
    }
  }
  return [...networks]
    .map(([name, { internal, members }]) => ({
      name,
      internal,
      services: members.map(fullName).sort(),
      stacks: [...new Set(members.map(({ stack }) => stack))].sort(),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function fullName({ stack, name }: Pick<ServiceView, 'stack' | 'name'>): string {
  return `${stack}/${name}`;
}
