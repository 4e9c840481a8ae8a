import { Server, ServerCredentials } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import { agentGateway } from '@gantry/proto/assignments-message';
import { ControlService } from '@gantry/proto/gen/gantry/v1/control';
import { PeersService } from '@gantry/proto/gen/gantry/v1/peers';
import type { Doors } from './term.ts';

/**
 * Opens all doors on every address (`host:port`); answers with the way to shut them, which ends every connection at once.
 * Channelz stays on: grpc-js 1.14 knows the sessions that `forceShutdown` has to end by it alone, and without it agents stayed
 * connected to a controller that did not lead any more, and kept its process from ending.
 */
export async function serve(listen: readonly string[], doors: Doors, log: Logger): Promise<() => void> {
  const server = new Server({
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    // A file of services with its configs and secrets.
    'grpc.max_receive_message_length': 16 << 20,
  });
  server.addService(ControlService, doors.users);
  server.addService(agentGateway, doors.agents);
  server.addService(PeersService, doors.peers);
  for (const address of listen) await bind(server, address);
  log.info('serving', { listen });
  return () => server.forceShutdown();
}

function bind(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (!error) return resolve();
      reject(new GantryError('invalid', `cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
}
