import fc from 'fast-check';
import type { EndpointAssignment } from '@gantry/model/assignment';
import { defaultNetworking, type ServiceNetworking } from '@gantry/model/network';

/** A service as hosts know it, with one ready task unless `more` says otherwise. */
export function anEndpoint(
  more: Partial<EndpointAssignment> & { readonly on?: Partial<ServiceNetworking> } = {},
): EndpointAssignment {
  const { on, ...rest } = more;
  const stack = more.stack ?? 'shop';
  return {
    serviceId: `${stack}-${more.service ?? 'web'}`,
    stack,
    service: 'web',
    vip: '10.211.0.1',
    ports: [],
    backends: [{ taskId: 'task00000001', slot: 1, address: '10.210.1.2' }],
    idle: [],
    networking: { ...defaultNetworking(stack), ...on },
    ...rest,
  };
}

/** Being on these networks, with aliases on the first. */
export function on(networks: readonly string[], ...aliases: readonly string[]): Partial<ServiceNetworking> {
  return {
    networks: networks.map((name, index) => ({ name, aliases: index === 0 ? aliases : [], internal: false })),
  };
}

const names = ['web', 'db', 'cache'];
const networkNames = ['front', 'back', 'side'];

/** Random services that meet each other: few stacks, names and networks, every address its own. */
export const endpointSets: fc.Arbitrary<readonly EndpointAssignment[]> = fc
  .uniqueArray(fc.record({ stack: fc.constantFrom('shop', 'blog'), service: fc.constantFrom(...names) }), {
    selector: ({ stack, service }) => `${stack}/${service}`,
  })
  .chain((keys) => fc.tuple(...keys.map(endpointOf)));

function endpointOf(key: {
  readonly stack: string;
  readonly service: string;
}): fc.Arbitrary<EndpointAssignment> {
  const index = names.indexOf(key.service) + (key.stack === 'shop' ? 0 : names.length);
  return fc
    .record({
      ready: fc.nat({ max: 3 }),
      idle: fc.nat({ max: 2 }),
      networks: fc.subarray(networkNames),
      aliases: fc.subarray(['web', 'database', 'tasks.web', '1.web']),
      endpointMode: fc.constantFrom('vip', 'dnsrr' as const),
      global: fc.boolean(),
    })
    .map((pick) =>
      anEndpoint({
        ...key,
        vip: `10.211.0.${index + 1}`,
        backends: Array.from({ length: pick.ready }, (_, slot) => ({
          taskId: `task${index}000000${slot}`,
          slot: pick.global ? 0 : slot + 1,
          address: `10.210.${index}.${slot + 2}`,
        })),
        idle: Array.from({ length: pick.idle }, (_, slot) => `10.210.${index}.${slot + 100}`),
        ports: [{ target: 80, published: 8080, protocol: 'tcp', mode: 'ingress' }],
        on: { ...on(pick.networks, ...pick.aliases), endpointMode: pick.endpointMode },
      }),
    );
}
