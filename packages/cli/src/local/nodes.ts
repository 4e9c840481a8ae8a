import { credentials } from '@grpc/grpc-js';
import { ControlClient, type ListNodesResponse } from '@gantry/proto/gen/gantry/v1/control';
import { waitFor } from './wait.ts';

/** Resolves once `count` nodes are ready; throws `timeout` otherwise. */
export async function waitForNodes(address: string, count: number, timeoutMs: number): Promise<void> {
  const client = new ControlClient(address, credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
  try {
    await waitFor(`readiness of ${count} hosts`, () => enoughReady(client, count), timeoutMs);
  } finally {
    client.close();
  }
}

async function enoughReady(client: ControlClient, count: number): Promise<true | undefined> {
  const response = await new Promise<ListNodesResponse | undefined>((resolve) => {
    client.listNodes({}, (error, answer) => resolve(error ? undefined : answer));
  });
  const ready = response?.nodes.filter((node) => node.state === 'ready' && node.subnet !== '') ?? [];
  return ready.length >= count ? true : undefined;
}
