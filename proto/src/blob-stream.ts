import type { Readable } from 'node:stream';
import type { ClientReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import { failCall } from './fail-call.ts';
import type { BlobChunk } from './gen/gantry/v1/agent.ts';

/** Streams a file to whoever asked for it, as fast as they take it; the file is closed with the call. */
export function streamBlob(
  opening: Promise<Readable>,
  call: ServerWritableStream<unknown, BlobChunk>,
  asStatus: (error: unknown) => Error,
): void {
  call.on('error', () => undefined);
  opening.then(
    (blob) => {
      blob.on('error', (error) => failCall(call, asStatus(error)));
      call.on('close', () => blob.destroy());
      blob.on('data', (data: Buffer) => {
        if (!call.write({ data })) blob.pause();
      });
      call.on('drain', () => blob.resume());
      blob.on('end', () => call.end());
    },
    (error: unknown) => failCall(call, asStatus(error)),
  );
}

/** The bytes of a blob as they arrive; the call ends with its reader, or when `signal` says so. Throws what the call ends with. */
export async function* blobChunks(
  call: ClientReadableStream<BlobChunk>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const cancel = (): void => call.cancel();
  call.on('error', () => undefined); // the iterator below throws it
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const { data } of call as AsyncIterable<BlobChunk>) yield data;
  } finally {
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}
