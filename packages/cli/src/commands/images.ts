import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';
import type { ImageView, LoadImageRequest, LoadImageResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { Client } from '../client.ts';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { asData, type Output } from '../output/output.ts';
import { imageShape } from '../output/shapes.ts';
import { bytes } from '../output/units.ts';

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

/** `gantry image inspect NAME`: where its bytes are, who uses it, and its own config. */
export function imageInspectCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return withContext(io, options, async ({ client }) => {
    const { image, config, layers } = await client.call(client.control.inspectImage.bind(client.control), {
      name,
    });
    const found = { ...image, layers, config: JSON.parse(config) as unknown };
    io.stdout.write(asData(options.output === 'json' ? 'json' : 'yaml', found));
    return 0;
  });
}

/** `gantry image rm NAME…`: refused while a service runs it or may go back to it. */
export function imageRmCommand(io: Io, options: GlobalOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const request = { names: [...names] };
    const { images, freedBytes } = await client.call(
      client.control.removeImages.bind(client.control),
      request,
    );
    tell(output, images, `removed, ${bytes(freedBytes)} freed`);
    return 0;
  });
}

export interface ImagePruneOptions extends GlobalOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

/** `gantry image prune`: loaded images that nothing names any more; with `--all` also named ones that nothing uses. */
export function imagePruneCommand(io: Io, options: ImagePruneOptions): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { all = false, dryRun = false } = options;
    const removed = await client.call(client.control.pruneImages.bind(client.control), { all, dryRun });
    tell(
      output,
      removed.images,
      `${dryRun ? 'would be removed' : 'removed'}, ${bytes(removed.freedBytes)} freed`,
    );
    return 0;
  });
}

function tell(output: Output, images: readonly ImageView[], how: string): void {
  for (const { ref, digest } of images) output.say(ref === '' ? digest.slice(0, 19) : ref);
  output.say(`${images.length} image${images.length === 1 ? '' : 's'} ${how}`);
  output.done(images.map((image) => ({ ...image, name: image.ref === '' ? image.digest : image.ref })));
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
