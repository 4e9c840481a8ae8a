import type { Readable } from 'node:stream';
import type { ServerWritableStream } from '@grpc/grpc-js';
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
      blob.on('error', (error) => call.destroy(asStatus(error)));
      call.on('close', () => blob.destroy());
      blob.on('data', (data: Buffer) => {
        if (!call.write({ data })) blob.pause();
      });
      call.on('drain', () => blob.resume());
      blob.on('end', () => call.end());
    },
    (error: unknown) => call.destroy(asStatus(error)),
  );
}
