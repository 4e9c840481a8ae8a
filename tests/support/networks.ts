import { defaultPools } from '@gantry/model/addresses';
import type { EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import type { ServiceNetworking } from '@gantry/model/network';
import type { TaskNetworking } from '../../packages/agent/src/network/network.ts';

/** Builders for tests of the network. */
export const subnet = '10.210.1.0/24';
export const pools = defaultPools;

export function aNetworking(
  networks: readonly string[],
  more: Partial<ServiceNetworking> & { readonly internal?: boolean } = {},
): ServiceNetworking {
  const { internal = false, ...rest } = more;
  return {
    networks: networks.map((name) => ({ name, aliases: [], internal })),
    endpointMode: 'vip',
    affinity: 'none',
    expose: [],
    drainMs: 0,
    ...rest,
  };
}

export function aTask(
  taskId: string,
  networks: readonly string[],
  more: Parameters<typeof aNetworking>[1] = {},
): TaskNetworking {
  return { taskId, stack: 'shop', service: taskId, slot: 1, networking: aNetworking(networks, more) };
}

export function anEndpoint(
  serviceId: string,
  vip: string,
  backends: readonly { readonly taskId: string; readonly address: string }[],
  more: Partial<EndpointAssignment> = {},
): EndpointAssignment {
  return {
    serviceId: serviceId,
    stack: 'shop',
    service: serviceId,
    vip,
    ports: [],
    backends: backends.map(({ taskId, address }, index) => ({
      taskId: taskId,
      slot: index + 1,
      address,
    })),
    idle: [],
    networking: aNetworking(['shop_front']),
    ...more,
  };
}

export function aPeer(number: number, address: string): PeerAssignment {
  return { nodeId: `node${number}`, name: `h${number}`, address, subnet: `10.210.${number}.0/24` };
}
