import { addressesOf, subnetsOf } from '@gantry/model/addresses';
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

function subnets(view: View, settings: Settings): Decision {
  const nodes = [...view.all('node')];
  const missing = nodes.filter(({ subnet }) => subnet === undefined).sort(byAge);
  if (missing.length === 0) return { writes: [] };
  const used = new Set(nodes.map(({ subnet }) => subnet));
  const free = without(subnetsOf(settings.nodePool), used);
  const writes = missing.flatMap((node): Write[] => {
    const subnet = free();
    return subnet === undefined ? [] : [{ op: 'put', object: { ...node, subnet } }];
  });
  const short = missing.length - writes.length;
  return {
    writes,
    ...(short > 0 && { note: `the pool ${settings.nodePool} is empty: ${short} nodes have no subnet` }),
  };
}

function addresses(view: View, env: Env): Decision {
  const services = [...view.all('service')];
  const missing = services
    .filter((service) => service.vip === undefined || !portsSettled(service))
    .sort(byAge);
  if (missing.length === 0) return { writes: [] };
  const freeVip = without(addressesOf(env.settings.vipPool), new Set(services.map(({ vip }) => vip)));
  const freePort = without(range(env.settings.portRange), usedPorts(services));
  const writes = missing.map((service): Write => {
    const vip = service.vip ?? freeVip();
    const publishedPorts = choosePorts(service, freePort);
    return { op: 'put', object: { ...service, ...(vip !== undefined && { vip }), publishedPorts } };
  });
  // An empty pool leaves a service as it is: nothing to write, and no end.
  return {
    writes: writes.filter(
      (write) => write.op === 'put' && !same(write.object, view.get('service', write.object.id)),
    ),
  };
}

/** True if the published ports say what the spec asks for, with every zero replaced. */
function portsSettled({ spec, publishedPorts }: Service): boolean {
  if (publishedPorts?.length !== spec.ports.length) return false;
  return spec.ports.every((port, index) => {
    const settled = publishedPorts[index];
    if (!settled || settled.published === 0) return false;
    return same(port.published === 0 ? { ...settled, published: 0 } : settled, port);
  });
}

/** A port chosen before is kept as long as the spec still asks for one there. */
function choosePorts(service: Service, free: () => number | undefined): readonly PortSpec[] {
  return service.spec.ports.map((port, index) => {
    if (port.published !== 0) return port;
    const before = service.publishedPorts?.[index];
    const kept = before && before.published !== 0 && same({ ...before, published: 0 }, port);
    return { ...port, published: kept ? before.published : (free() ?? 0) };
  });
}

function usedPorts(services: readonly Service[]): ReadonlySet<number> {
  const all = services.flatMap(({ spec, publishedPorts }) => [...spec.ports, ...(publishedPorts ?? [])]);
  return new Set(all.map(({ published }) => published));
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
