import type { Network } from '../network/network.ts';
import type { Directory } from './directory.ts';

/**
 * The network, with names that follow it: services as last configured, containers as they come and go. Names are told
 * once the rules for them stand.
 */
export async function withNames(network: Network, directory: Directory): Promise<Network> {
  for (const { address, containerId } of await network.attached()) directory.attached(address, containerId);
  return {
    configure: async (state) => {
      try {
        await network.configure(state);
      } finally {
        directory.use(state);
      }
    },
    attach: async (containerId, hostPorts) => {
      const attachment = await network.attach(containerId, hostPorts);
      directory.attached(attachment.address, containerId);
      return attachment;
    },
    detach: async (containerId) => {
      directory.detached(containerId);
      await network.detach(containerId);
    },
    limit: (containerId, bandwidth) => network.limit(containerId, bandwidth),
    settled: (containerId) => network.settled(containerId),
    attached: () => network.attached(),
    report: () => network.report(),
    teardown: () => network.teardown(),
    close: () => network.close(),
  };
}
