import { credentials } from '@grpc/grpc-js';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import { blobChunks, streamBlob } from '@gantry/proto/blob-stream';
import { PeersClient, type PeersServer } from '@gantry/proto/gen/gantry/v1/peers';
import type { ImageStore } from './image-store.ts';
import type { FetchFrom } from './standby.ts';

/** The door of other controllers. */
export function peersService(images: Pick<ImageStore, 'readBlob'>): PeersServer {
  return {
    fetchLoaded: (call) => streamBlob(images.readBlob(call.request.digest), call, asGantryError),
  };
}

const keepalive = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5_000 };

/** Fetches a blob from the controller at an address; throws `unreachable` with its words. A connection for each: they are rare. */
export const fetchFromPeer: FetchFrom = async function* (address, digest, signal) {
  const client = new PeersClient(address, credentials.createInsecure(), keepalive);
  try {
    yield* blobChunks(client.fetchLoaded({ digest }), signal);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new GantryError('unreachable', `${digest} could not be fetched from ${address}: ${words}`, {
      cause,
    });
  } finally {
    client.close();
  }
};
