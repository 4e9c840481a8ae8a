import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';
import type { LoadImageRequest, LoadImageResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { Client } from '../client.ts';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { imageShape } from '../output/shapes.ts';

/** Bytes a message; gRPC takes at most 4 MiB. */
const chunkBytes = 512 << 10;

/** `gantry image load FILE` */
export function imageLoadCommand(io: Io, options: GlobalOptions, file: string): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile()) {
      throw new GantryError('invalid', `${file} is not a file`, {
        hint: 'make one with `docker save NAME:TAG -o FILE`',
      });
    }
    const { images } = await upload(client, file);
    for (const { ref, digest } of images) output.say(`loaded ${ref} (${digest.slice(0, 19)})`);
    output.done(images.map((image) => ({ ...image, name: image.ref })));
    return 0;
  });
}

/** `gantry image ls` */
export function imageLsCommand(io: Io, options: GlobalOptions): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { images } = await client.call(client.control.listImages.bind(client.control), {});
    output.list(images, imageShape(Date.now()));
    return 0;
  });
}

function upload(client: Client, file: string): Promise<LoadImageResponse> {
  return new Promise((resolve, reject) => {
    const source = createReadStream(file, { highWaterMark: chunkBytes });
    const call = client.control.loadImage((error: ServiceError | null, response: LoadImageResponse) => {
      source.destroy();
      if (error) reject(client.explain(error));
      else resolve(response);
    });
    call.on('error', () => undefined); // the callback above has it, too
    const send = (body: LoadImageRequest['body']): boolean => call.write({ body });
    send({ $case: 'fileName', value: basename(file) });
    source.on('data', (chunk) => {
      if (!send({ $case: 'chunk', value: chunk as Buffer })) source.pause();
    });
    call.on('drain', () => source.resume());
    source.on('end', () => call.end());
    source.on('error', (error) => {
      call.cancel();
      reject(error);
    });
  });
}
