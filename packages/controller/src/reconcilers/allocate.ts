import { addressesOf, contains, parseCidr, subnetsOf, type Pools } from '@gantry/model/addresses';
import type { PortSpec, Service } from '@gantry/model/service';
import { same } from '@gantry/model/spec-change';
import type { View, Write } from '../store/store.ts';
import type { Decision, Env, Reconciler, Settings } from './reconciler.ts';

type Pool = 'nodes' | 'services';

/** Gives nodes their subnets, services their virtual address and the published ports that the cluster chooses. */
export const allocate: Reconciler<Pool> = {
  name: 'allocate',

  keys: () => ['nodes', 'services'],

  *keysOf(change) {
    if (change.kind === 'node') {
      const subnets = [change.before, change.after].flatMap((node) => (node ? [node.subnet] : []));
      if (subnets.includes(undefined) || subnets.length === 1 || subnets[0] !== subnets[1]) yield 'nodes';
    } else if (change.kind === 'service') yield 'services';
  },

  decide: (view, key, env) => (key === 'nodes' ? subnets(view, env.settings) : addresses(view, env)),
};

/**
 * Why these pools cannot be the cluster's, in words; undefined if they can. What was given out of others is in use: only pools
 * that contain it may take their place.
 */
export function poolsRefused(view: View, { containerPool, vipPool }: Pools): string | undefined {
  const [containers, vips] = [parseCidr(containerPool), parseCidr(vipPool)];
  for (const { name, subnet } of view.all('node')) {
    if (subnet !== undefined && !contains(containers, subnet.replace(/\/.*/, '')))
      return `host ${name} has ${subnet}, which is not in --container-pool ${containerPool}: ${howToGoOn}`;
  }
  for (const { spec, vip } of view.all('service')) {
    if (vip !== undefined && !contains(vips, vip))
      return `service ${spec.stack}/${spec.name} has ${vip}, which is not in --vip-pool ${vipPool}: ${howToGoOn}`;
  }
  return undefined;
}

const howToGoOn = 'begin with the pools that the cluster began with, or with wider ones';

function subnets(view: View, settings: Settings): Decision {
  const nodes = [...view.all('node')];
  const missing = nodes.filter(({ subnet }) => subnet === undefined).sort(byAge);
  if (missing.length === 0) return { writes: [] };
  const used = new Set(nodes.map(({ subnet }) => subnet));
  const free = without(subnetsOf(settings.containerPool), used);
  const writes = missing.flatMap((node): Write[] => {
    const subnet = free();
    return subnet === undefined ? [] : [{ op: 'put', object: { ...node, subnet } }];
  });
  const short = missing.length - writes.length;
  return {
    writes,
    ...(short > 0 && { note: `the pool ${settings.containerPool} is empty: ${short} nodes have no subnet` }),
  };
}

function addresses(view: View, env: Env): Decision {
  const services = [...view.all('service')];
  const missing = services
    .filter((service) => !service.removing && (service.vip === undefined || !portsSettled(service)))
    .sort(byAge);
  if (missing.length === 0) return { writes: [] };
  const freeVip = without(addressesOf(env.settings.vipPool), new Set(services.map(({ vip }) => vip)));
  const ports = new PortBook(services, env.settings.portRange);
  const wanted = missing.map((service): Service => {
    const vip = service.vip ?? freeVip();
    const publishedPorts = ports.choose(service);
    return { ...service, ...(vip !== undefined && { vip }), publishedPorts };
  });
  const short = wanted.filter((service) => service.vip === undefined || !portsSettled(service));
  return {
    // What cannot be had now leaves a service as it is: nothing to write, and no end.
    writes: wanted
      .filter((service) => !same(service, view.get('service', service.id)))
      .map((object): Write => ({ op: 'put', object })),
    ...(short.length > 0 && {
      note: `${short.length} services lack an address or a port: it is taken, or the pool is empty`,
    }),
  };
}

/** True if the published ports say what the spec asks for, with every zero replaced. */
function portsSettled(service: Service): boolean {
  return (
    service.publishedPorts?.length === service.spec.ports.length &&
    kept(service).every((port) => port !== undefined)
  );
}

/**
 * Who has which published port, while ports are given out. What a service has it keeps; a port that another has is not
 * given twice (0 stands in its place until it is free).
 */
class PortBook {
  readonly #taken = new Map<string, string>();
  readonly #free: () => number | undefined;

  constructor(services: readonly Service[], portRange: Settings['portRange']) {
    for (const service of services) {
      if (service.removing) continue;
      kept(service).forEach((port) => port && this.#taken.set(keyOf(port), service.id));
    }
    // Ports that specs name are left to them, also where they are not given yet.
    const named = services.flatMap(({ spec, publishedPorts }) => [...spec.ports, ...(publishedPorts ?? [])]);
    this.#free = without(range(portRange), new Set(named.map(({ published }) => published)));
  }

  choose(service: Service): readonly PortSpec[] {
    const before = kept(service);
    return service.spec.ports.map((port, index) => {
      const had = before[index];
      if (had) return had;
      const published = port.published === 0 ? (this.#free() ?? 0) : port.published;
      const settled = { ...port, published };
      const holder = this.#taken.get(keyOf(settled));
      if (published === 0 || (holder !== undefined && holder !== service.id))
        return { ...port, published: 0 };
      this.#taken.set(keyOf(settled), service.id);
      return settled;
    });
  }
}

/** The ports given before that the spec still asks for, at their place in the spec. */
function kept({ spec, publishedPorts }: Service): readonly (PortSpec | undefined)[] {
  return spec.ports.map((port, index) => {
    const had = publishedPorts?.[index];
    if (!had || had.published === 0) return undefined;
    return same(port.published === 0 ? { ...had, published: 0 } : had, port) ? had : undefined;
  });
}

function keyOf({ published, protocol }: PortSpec): string {
  return `${published}/${protocol}`;
}

function* range({ first, last }: { readonly first: number; readonly last: number }): Iterable<number> {
  for (let port = first; port <= last; port++) yield port;
}

/** A source of items that are not in use; undefined once the pool is empty. */
function without<T>(pool: Iterable<T>, used: ReadonlySet<T | undefined>): () => T | undefined {
  const iterator = pool[Symbol.iterator]();
  return () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      if (!used.has(next.value)) return next.value;
    }
    return undefined;
  };
}

function byAge(a: { createdAt: number; id: string }, b: { createdAt: number; id: string }): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
