import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';

/** Manifests, configs and layers by the digest of their bytes. */
export class Blobs {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async open(): Promise<void> {
    await mkdir(join(this.dir, 'sha256'), { recursive: true, mode: 0o700 });
  }

  path(digest: string): string {
    return join(this.dir, 'sha256', hexOf(digest));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  /** Bytes of a blob; undefined if it is not there. */
  async size(digest: string): Promise<number | undefined> {
    return stat(this.path(digest)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  /** Deletes every blob but these. */
  async keepOnly(digests: ReadonlySet<string>): Promise<void> {
    const names = new Set([...digests].map(hexOf));
    for (const name of await readdir(join(this.dir, 'sha256'))) {
      if (!names.has(name)) await rm(join(this.dir, 'sha256', name), { force: true });
    }
  }

  /** The bytes of a small blob; refuses more than `maxBytes`. */
  async read(digest: string, maxBytes: number): Promise<Buffer> {
    const { size } = await stat(this.path(digest));
    if (size > maxBytes)
      throw new GantryError('image_refused', `${digest} has ${size} bytes; at most ${maxBytes} are read`);
    return readFile(this.path(digest));
  }

  /** Stores bytes under their digest; throws `image_refused` if they are other or more bytes, and keeps nothing then. */
  async put(
    digest: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    size: number,
  ): Promise<void> {
    const temporary = `${this.path(digest)}.${process.pid}.${performance.now()}.tmp`;
    const hash = createHash('sha256');
    const file = await open(temporary, 'wx', 0o600);
    try {
      let written = 0;
      for await (const chunk of chunks) {
        written += chunk.length;
        if (written > size)
          throw new GantryError('image_refused', `${digest} has more than its ${size} bytes`);
        hash.update(chunk);
        await writeAll(file, chunk);
      }
      await file.sync();
      const found = `sha256:${hash.digest('hex')}`;
      if (found !== digest)
        throw new GantryError('image_refused', `a blob should be ${digest} but is ${found}`);
      await rename(temporary, this.path(digest));
    } finally {
      await file.close();
      await rm(temporary, { force: true });
    }
  }
}

/** A write may take less than it is given, when the disk is nearly full. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
}

/** The hex of a sha256 digest; throws `image_refused` for anything else, so that a digest is never a path. */
export function hexOf(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined)
    throw new GantryError('image_refused', `"${digest.slice(0, 80)}" is not a sha256 digest`);
  return hex;
}
