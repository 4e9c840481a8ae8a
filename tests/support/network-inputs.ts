import fc from 'fast-check';
import type { EndpointAssignment } from '@gantry/model/assignment';
import type { PortSpec } from '@gantry/model/service';
import { namesOf } from '../../packages/agent/src/network/plan/address-plan.ts';
import type { Local } from '../../packages/agent/src/network/plan/locals.ts';
import type { TableConfig, TableInput } from '../../packages/agent/src/network/plan/table-book.ts';
import { aNetworking, anEndpoint, aPeer, aTask, pools, subnet } from './networks.ts';

/** Random states of a host's network, for its rules. */
export const testConfig: TableConfig = {
  ...pools,
  subnet,
  guarded: ['10.208.0.1'],
  encrypted: false,
};
export const nothing: TableInput = { endpoints: [], locals: [], peers: [] };

export function aLocal(
  last: number,
  networks: readonly string[],
  hostPorts: readonly PortSpec[] = [],
): Local {
  const containerId = `task${String(last).padStart(8, '0')}`;
  const attachment = {
    containerId,
    address: `10.210.1.${last}`,
    netns: namesOf(containerId).netns,
    hostPorts,
  };
  return { attachment, task: aTask(containerId, networks) };
}

export function aPort(published: number, more: Partial<PortSpec> = {}): PortSpec {
  return { target: 80, published, protocol: 'tcp', mode: 'ingress', ...more };
}

/** Nobody wants another's: who gets a contested port depends on who was first. */
const somePorts = (first: number): fc.Arbitrary<readonly PortSpec[]> =>
  fc.subarray([first, first + 1, first + 2]).map((all) => all.map((one) => aPort(one)));
const someNetworks = fc.subarray(['front', 'back', 'side']);
const someEndpoint = (id: number): fc.Arbitrary<EndpointAssignment> =>
  fc
    .record({
      backends: fc.subarray(['10.210.1.2', '10.210.1.3', '10.210.2.2', '10.210.2.3', '10.210.2.4']),
      ports: somePorts(8_000 + 10 * id),
      networks: someNetworks,
      affinity: fc.constantFrom('none' as const, 'client' as const),
      endpointMode: fc.constantFrom('vip' as const, 'dnsrr' as const),
      idle: fc.subarray(['10.210.3.9']),
    })
    .map(({ backends, networks, affinity, endpointMode, ...more }) =>
      anEndpoint(
        `svc${id}`,
        `10.211.0.${id}`,
        backends.map((address) => ({ taskId: `t${address}`, address })),
        {
          ...more,
          networking: aNetworking(networks, { affinity, endpointMode }),
        },
      ),
    );
export const someInput: fc.Arbitrary<TableInput> = fc.record({
  endpoints: fc
    .tuple(...[1, 2, 3].map((id) => fc.option(someEndpoint(id), { nil: undefined })))
    .map((all) => all.filter((one) => one !== undefined)),
  locals: fc
    .tuple(
      ...[2, 3].map((last) =>
        fc.option(fc.tuple(fc.constant(last), someNetworks, somePorts(7_000 + 10 * last)), {
          nil: undefined,
        }),
      ),
    )
    .map((all) => all.flatMap((one) => (one ? [aLocal(...one)] : []))),
  peers: fc.subarray([
    { ...aPeer(2, '10.208.0.12'), keys: [{ generation: 2, publicKey: 'x' }] },
    { ...aPeer(3, '10.208.0.13'), sourceNat: true as const },
  ]),
});
