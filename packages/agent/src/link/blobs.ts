import type { AgentGatewayClient, BlobChunk } from '@gantry/proto/gen/gantry/v1/agent';
import { GantryError } from '@gantry/kit/errors';
import type { FetchBlob } from '../images/images.ts';

/** The session that blobs are fetched in; changes as the link reconnects. */
export class BlobSource {
  #session: { readonly id: string; readonly client: AgentGatewayClient } | undefined;

  use(id: string, client: AgentGatewayClient): void {
    this.#session = { id, client };
  }

  /** Streams a blob of a loaded image from the controller; throws `unreachable` without a session. */
  readonly fetch: FetchBlob = (digest, signal) => this.#fetch(digest, signal);

  async *#fetch(digest: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (!this.#session)
      throw new GantryError('unreachable', 'the controller that holds the image is not connected');
    const { id, client } = this.#session;
    const stream = client.fetchBlob({ sessionId: id, digest });
    const cancel = (): void => stream.cancel();
    stream.on('error', () => undefined); // the iterator below throws it
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const chunk of stream as AsyncIterable<BlobChunk>) yield chunk.data;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new GantryError('unreachable', `a layer could not be fetched from the controller: ${message}`, {
        cause,
      });
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }
}
