import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { archive, digestOf, dir, file, hardlink, symlink } from '../../../../tests/support/tars.ts';
import { defaultLimits, type LayerLimits } from './layer/rules.ts';
import { Workbench, type Wish } from '../../../../tests/support/workbench.ts';
import { unpackLayer } from './unpack.ts';

const bench = new Workbench();
const { work } = bench;
const unpack = (bytes: Buffer, wish: Wish = {}): Promise<string> => bench.unpack(bytes, wish);

afterAll(() => bench.close());

describe('a layer is refused, and nothing of it is left', () => {
  const bytes = archive(dir('d/'), file('d/f', 'content '.repeat(100_000)));

  test('if it unpacks to other bytes than its diff id says', async () => {
    await expect(unpack(bytes, { diffId: digestOf('other') })).rejects.toThrow(
      /unpacks to sha256:.* instead of/,
    );
  });

  test('if bytes follow the end of the archive that its diff id does not know', async () => {
    const more = Buffer.concat([bytes, Buffer.from('more')]);
    await expect(unpack(more, { diffId: digestOf(bytes) })).rejects.toThrow('instead of');
    await expect(unpack(more)).resolves.toBeTruthy();
  });

  test.each([
    ['gzip, cut', () => gzipSync(bytes).subarray(0, 1_000)],
    ['gzip, damaged', () => Buffer.from(gzipSync(bytes)).fill(0x55, 600, 700)],
    ['zstd, cut', () => execFileSync('zstd', ['-q', '-c'], { input: bytes }).subarray(0, 60)],
    ['no archive at all', () => Buffer.from('hello, this is no tar'.repeat(100))],
    ['nothing', () => Buffer.alloc(0)],
  ])('%s', async (_name, compressed) => {
    await expect(unpack(bytes, { compressed: compressed() })).rejects.toMatchObject({
      code: 'image_refused',
    });
  });

  test.each(['dev', 'proc', 'sys', 'etc', 'run'])('if /%s is a symlink or a file', async (name) => {
    await expect(unpack(archive(symlink(name, '/')))).rejects.toThrow(
      `/${name} in a layer is not a directory`,
    );
    await expect(unpack(archive(file(`./${name}`)))).rejects.toThrow(
      `/${name} in a layer is not a directory`,
    );
    await expect(unpack(archive(symlink('x', '/'), hardlink(name, 'x')))).rejects.toThrow(
      'is not a directory',
    );
  });

  const small: LayerLimits = { ...defaultLimits, ratioFreeBytes: 1 << 20 };
  const zeros = archive(file('zeros', Buffer.alloc(32 << 20)));
  test.each([
    ['gzip', () => gzipSync(zeros)],
    ['zstd', () => execFileSync('zstd', ['-q', '-c', '-19'], { input: zeros })],
    [
      'zstd with a window of 1 GiB',
      () => execFileSync('zstd', ['-q', '-c', '--ultra', '--long=30'], { input: zeros }),
    ],
  ])('a bomb: %s', async (_name, compressed) => {
    await expect(unpack(zeros, { compressed: compressed(), limits: small })).rejects.toMatchObject({
      code: 'image_refused',
    });
  });

  test('if it has more entries or bytes than a layer may', async () => {
    await expect(unpack(bytes, { limits: { ...defaultLimits, maxEntries: 1 } })).rejects.toThrow(
      'more than 1 entries',
    );
    await expect(unpack(bytes, { limits: { ...defaultLimits, maxBytes: 5_000 } })).rejects.toThrow(
      'more than 5000 bytes',
    );
  });

  test('if a link leads to what the layer does not have', async () => {
    await expect(unpack(archive(hardlink('a', 'b')))).rejects.toThrow('could not be unpacked');
  });

  test('when nobody waits for it any more', async () => {
    const abort = new AbortController();
    const waiting = unpack(archive(file('f', Buffer.alloc(8 << 20))), { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('if the disk is full, with words that say so', async () => {
    const disk = join(work, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]);
    try {
      const path = join(work, 'large');
      const large = archive(file('f', Buffer.alloc(32 << 20)));
      writeFileSync(path, large);
      const unpacking = unpackLayer(
        { jail: await bench.jail, dir: disk },
        { path, diffId: digestOf(large) },
        new AbortController().signal,
      );
      await expect(unpacking).rejects.toMatchObject({ code: 'exhausted', retryable: true });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});
