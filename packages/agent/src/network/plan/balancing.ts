import type { EndpointAssignment } from '@gantry/model/assignment';
import type { PortSpec } from '@gantry/model/service';
import { ElementList, type Elements } from './elements.ts';
import { classCode, slotClass, slotMark, slotTable } from './slots.ts';

export interface BalancingEnv {
  /** A number of this host, for taking turns where there are more backends than slots. */
  readonly seed: number;
  /** False for an address of this host that no container has (any more). */
  readonly isLive: (address: string) => boolean;
  /** False for a published port that another service holds. */
  readonly mayPublish: (port: PortSpec) => boolean;
}

/** What stands in the table for one service. Nothing where no task is ready: then it is refused at once. */
export function balancingOf(endpoint: EndpointAssignment, env: BalancingEnv): Elements {
  const list = new ElementList();
  const backends = endpoint.backends.filter(({ address }) => env.isLive(address));
  if (backends.length === 0) return list.elements;
  const { affinity, endpointMode } = endpoint.networking;
  const wanted = slotClass(backends.length, affinity === 'client');
  const order = slotTable(
    backends.map(({ taskId }) => taskId),
    wanted,
    env.seed,
  );
  const addresses = order.map((index) => backends[index]?.address ?? '');
  const code = String(classCode(wanted));
  if (endpointMode === 'vip') {
    list.put('vip_size', endpoint.vip, code);
    addresses.forEach((address, slot) =>
      list.put('vip_slot', `${endpoint.vip} . ${slotMark(slot)}`, address),
    );
  }
  for (const port of endpoint.ports) {
    if (port.published > 0 && env.mayPublish(port)) putPort(list, port, code, addresses);
  }
  return list.elements;
}

/** Elements that lead a published port to these addresses, a slot each. */
export function putPort(list: ElementList, port: PortSpec, code: string, addresses: readonly string[]): void {
  const [name, key] = portKey(port);
  list.put(`${name}_size`, key, code);
  addresses.forEach((address, slot) =>
    list.put(`${name}_slot`, `${key} . ${slotMark(slot)}`, `${address} . ${port.target}`),
  );
}

/** The maps that a published port is in, and its key there. `0.0.0.0` is every address, as if none was named. */
export function portKey({
  hostIp,
  protocol,
  published,
}: PortSpec): readonly [name: 'port' | 'bound', key: string] {
  const everywhere = hostIp === undefined || hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
  return everywhere
    ? ['port', `${protocol} . ${published}`]
    : ['bound', `${hostIp} . ${protocol} . ${published}`];
}
