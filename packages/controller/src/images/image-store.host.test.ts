import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { root } from '../../../../tests/support/imports.ts';
import { FileImageStore, type ImageStore } from './image-store.ts';
import { LoadedImages } from '../store/loaded-images.ts';
import { MemoryLog } from '../store/memory-log.ts';
import { openStore } from '../store/open-store.ts';
import { openImageFiles } from './open.ts';

let work: string;
let archive: string;
let store: ImageStore;
const nobody = () => [];

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'gantry-store-'));
  archive = join(work, 'hello.tar');
  execFileSync(process.execPath, [join(root, 'examples/hello/build-image.mjs'), archive]);
  const log = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  store = new FileImageStore({
    files: await openImageFiles(join(work, 'images')),
    list: new LoadedImages(log),
    exec,
    clock: systemClock,
    insecureRegistries: [],
  });
});
afterAll(() => rmSync(work, { recursive: true }));

const blobs = (): readonly string[] => readdirSync(join(work, 'images/blobs/sha256'));

test('an image is loaded, described, refused to be removed while it is used, and then gone with its bytes', async () => {
  await store.load(createReadStream(archive), 'hello.tar');
  const { image, config, layers } = await store.inspect('hello:1');
  expect([image.ref, layers.length]).toEqual(['hello:1', 1]);
  expect(JSON.parse(config)).toMatchObject({ config: { Entrypoint: ['/bin/serve'] } });
  expect(await store.resolve('docker.io/library/hello:1')).toMatchObject({
    digest: image.digest,
    source: 'loaded',
  });
  await expect(store.remove(['hello:1'], () => ['shop/web'])).rejects.toMatchObject({
    code: 'conflict',
    message: 'image hello:1 is used by shop/web',
  });
  const dry = await store.prune(nobody, { all: true, dryRun: true });
  expect([dry.images.length, blobs().length]).toEqual([1, 3]);
  const removed = await store.remove(['hello:1'], nobody);
  expect(removed.freedBytes).toBe(dry.freedBytes);
  expect([store.list(), blobs()]).toEqual([[], []]);
});

test('pull_policy never wants a loaded image; missing keeps what the service runs', async () => {
  await expect(store.resolve('127.0.0.1:1/x:1', { policy: 'never' })).rejects.toMatchObject({
    code: 'image_not_found',
  });
  const known = { ref: '127.0.0.1:1/x:1', digest: `sha256:${'a'.repeat(64)}`, source: 'registry' } as const;
  expect(await store.resolve(known.ref, { policy: 'missing', known })).toEqual(known);
  await expect(store.resolve(known.ref, { policy: 'always', known })).rejects.toMatchObject({
    code: 'unreachable',
  });
});
