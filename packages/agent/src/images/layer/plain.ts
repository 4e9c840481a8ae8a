import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { refuse } from './entry.ts';
import type { Jail } from './jail.ts';

/** Pieces that a layer is read, unpacked and handed on in, bytes. */
const pieceBytes = 256 << 10;

/** A layer's uncompressed bytes. */
export interface Plain {
  readonly chunks: AsyncIterable<Buffer>;
  readonly compressedBytes: number;
  /** Throws if the compressed bytes did not end well. */
  finished(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a layer: gzip (in this process), zstd (in the jail) or plain, as its first bytes say. */
export async function openPlain(jail: Jail, root: string, path: string): Promise<Plain> {
  const file = await open(path);
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const fine = { compressedBytes: size, finished: () => Promise.resolve() };
  if (buffer.readUInt32BE() === 0x28b52ffd) {
    const zstd = jail.run(root, ['zstd', '-dc', '--no-progress', '--memory=128MB'], file.fd, 'pipe');
    return {
      chunks: (zstd.stdout ?? []) as AsyncIterable<Buffer>,
      compressedBytes: size,
      finished: async () => {
        const said = await zstd.ended;
        if (said !== '') refuse(`a layer cannot be decompressed: ${said}`);
      },
      close: async () => {
        zstd.kill();
        await zstd.ended;
        await file.close();
      },
    };
  }
  const source = createReadStream('', { fd: file, autoClose: false, highWaterMark: pieceBytes });
  const close = async (): Promise<void> => {
    source.destroy();
    await file.close();
  };
  if (buffer.readUInt16BE() !== 0x1f8b) return { ...fine, chunks: source as AsyncIterable<Buffer>, close };
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  source.on('error', (error) => gunzip.destroy(error)).pipe(gunzip);
  return {
    ...fine,
    chunks: gunzip as AsyncIterable<Buffer>,
    close: async () => {
      gunzip.destroy();
      await close();
    },
  };
}
