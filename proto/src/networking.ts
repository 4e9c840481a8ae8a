import type { ServiceNetworking } from '@gantry/model/network';
import type * as wire from './gen/gantry/v1/types.ts';
import { word } from './words.ts';

/** How a service stands in the network: model to wire and back, without loss. */
export function networkingFromModel(value: ServiceNetworking): wire.Networking {
  return {
    networks: value.networks.map((network) => ({ ...network, aliases: [...network.aliases] })),
    endpointMode: value.endpointMode,
    affinity: value.affinity,
    expose: value.expose.map((exposed) => ({ ...exposed })),
    drainMs: value.drainMs,
  };
}

export function networkingToModel(value: wire.Networking): ServiceNetworking {
  return {
    networks: value.networks.map((network) => ({ ...network })),
    endpointMode: word('networking.endpoint_mode', value.endpointMode, ['vip', 'dnsrr']),
    affinity: word('networking.affinity', value.affinity, ['none', 'client']),
    expose: value.expose.map(({ port, protocol }) => ({
      port,
      protocol: word('networking.expose.protocol', protocol, ['tcp', 'udp']),
    })),
    drainMs: value.drainMs,
  };
}
