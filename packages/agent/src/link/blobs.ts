import type { AgentGatewayClient } from '@gantry/proto/gen/gantry/v1/agent';
import { blobChunks } from '@gantry/proto/blob-stream';
import { systemClock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { RegistryCredential } from '@gantry/model/registry';
import * as toModel from '@gantry/proto/to-model';
import type { FetchBlob } from '../images/images.ts';
import { unary } from './call.ts';

/** What images ask of the controller, in the session of the moment; it changes as the link reconnects. */
export class BlobSource {
  #session: { readonly id: string; readonly client: AgentGatewayClient } | undefined;

  use(id: string, client: AgentGatewayClient): void {
    this.#session = { id, client };
  }

  /** Streams a blob of a loaded image from the controller; throws `unreachable` without a session. */
  readonly fetch: FetchBlob = (digest, signal) => this.#fetch(digest, signal);

  /** What a user gave for the registry of an image; nothing while no controller can be asked. */
  readonly credential = async (ref: string): Promise<RegistryCredential | undefined> => {
    if (!this.#session) return undefined;
    const { id, client } = this.#session;
    const request = { sessionId: id, ref };
    const { credential } = await unary(client.pullCredential.bind(client), request, systemClock).catch(lost);
    return credential && toModel.registryCredential(credential);
  };

  /** Of these images, those that the cluster may still want; throws `unreachable` when it cannot be asked. */
  readonly kept = async (digests: readonly string[]): Promise<ReadonlySet<string>> => {
    const { id, client } = this.#need();
    const request = { sessionId: id, digests: [...digests] };
    const response = await unary(client.keptImages.bind(client), request, systemClock).catch(lost);
    return new Set(response.digests);
  };

  async *#fetch(digest: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { id, client } = this.#need();
    try {
      yield* blobChunks(client.fetchBlob({ sessionId: id, digest }), signal);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new GantryError('unreachable', `a layer could not be fetched from the controller: ${message}`, {
        cause,
      });
    }
  }

  #need(): { readonly id: string; readonly client: AgentGatewayClient } {
    if (this.#session) return this.#session;
    throw new GantryError('unreachable', 'the controller that holds the image is not connected');
  }
}

function lost(cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  throw new GantryError('unreachable', `the controller could not be asked: ${message}`, { cause });
}
