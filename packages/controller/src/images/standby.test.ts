import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import type { LoadedImage } from '@gantry/model/image';
import { PeersService } from '@gantry/proto/gen/gantry/v1/peers';
import { listening } from '../../../../tests/support/grpc.ts';
import { setSettings } from '../store/cluster-settings.ts';
import { LoadedImages } from '../store/loaded-images.ts';
import { MemoryLog } from '../store/memory-log.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { FileImageStore } from './image-store.ts';
import type { ImageFiles } from './image-files.ts';
import { adoptListFile, openImageFiles } from './open.ts';
import { fetchFromPeer, peersService } from './peers.ts';
import { Standby } from './standby.ts';

/* One controller leads and has the images, another stands by: real files, a real wire, a store in memory. */
let dir: string;
let store: Store;
let list: LoadedImages;
let leader: ImageFiles;
let other: ImageFiles;
let server: Server;
let address: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-standby-'));
  store = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  list = new LoadedImages(store);
  leader = await openImageFiles(join(dir, 'leader'));
  other = await openImageFiles(join(dir, 'other'));
  const files = { files: leader, list, clock: systemClock, insecureRegistries: [] };
  const images = new FileImageStore({ ...files, exec: () => Promise.reject(new Error('runs nothing')) });
  server = new Server();
  server.addService(PeersService, peersService(images));
  address = await listening(server);
});

afterEach(async () => {
  server.forceShutdown();
  await store.close();
  rmSync(dir, { recursive: true });
});

function standby(own = 'c2:7443'): Standby {
  const base = { clock: systemClock, random: () => 0.5, log: silentLogger };
  return new Standby({ ...base, store, files: other, fetch: fetchFromPeer, address: own });
}

async function keep(files: ImageFiles, text: string): Promise<{ digest: string; size: number }> {
  const bytes = Buffer.from(text);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await files.blobs.put(digest, [bytes], bytes.length);
  return { digest, size: bytes.length };
}

/** An image of two layers, the second of which may be shared by others. */
async function load(ref: string): Promise<LoadedImage> {
  const [config, own, shared] = await Promise.all([
    keep(leader, `config of ${ref}`),
    keep(leader, ref.repeat(100_000)),
    keep(leader, 'a layer of all'),
  ]);
  const { digest } = await keep(leader, JSON.stringify({ config, layers: [own, shared] }));
  const image = { ref, digest, sizeBytes: own.size + shared.size, loadedAt: 1 };
  await list.change((images) => [...images, image]);
  return image;
}

/** Resolves once the image is whole here, or is gone. */
async function until(files: ImageFiles, { digest }: LoadedImage, there: boolean): Promise<void> {
  for (let looks = 0; (await files.blobs.has(digest)) !== there; looks++) {
    if (looks > 500) throw new Error(`${digest} is ${there ? 'not here' : 'still here'}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a controller that stands by copies what is loaded into the one that leads, and lets go of what is removed', async () => {
  await setSettings(store, { leader: address });
  const before = await load('web:1');
  const copies = standby();
  await until(other, before, true);
  const later = await load('db:1');
  await until(other, later, true);
  expect(await other.documents(later.digest)).toEqual(await leader.documents(later.digest));
  await list.change((images) => images.filter(({ ref }) => ref !== 'web:1'));
  await until(other, before, false);
  for (const { digest } of (await other.documents(later.digest)).layers)
    expect(await other.blobs.has(digest), 'a layer that another image has, too, stays').toBe(true);
  copies.close();
});

test('what a leader gives under a wrong digest is not kept, and asked for again', async () => {
  const image = await load('web:1');
  const path = leader.blobs.path((await leader.manifest(image.digest)).layers[0]?.digest ?? '');
  const right = 'web:1'.repeat(100_000);
  writeFileSync(path, right.replace('web', 'bad'));
  const asked: string[] = [];
  const base = { clock: systemClock, random: () => 0, log: silentLogger, store, files: other };
  const copies = new Standby({
    ...base,
    address: 'c2:7443',
    fetch: (from, digest, signal) => {
      asked.push(digest);
      if (asked.length > 3) writeFileSync(path, right);
      return fetchFromPeer(from, digest, signal);
    },
  });
  await setSettings(store, { leader: address });
  await until(other, image, true);
  expect(asked.length, 'manifest, config and the wrong layer, then again').toBeGreaterThan(3);
  copies.close();
});

test('a list that lacks what is here makes nobody delete it', async () => {
  const kept = await keep(other, 'of an image that the list does not have');
  await setSettings(store, { leader: address });
  const copies = standby();
  await until(other, await load('web:1'), true);
  await other.inTurn(() => Promise.resolve());
  expect(await other.blobs.has(kept.digest)).toBe(true);
  copies.close();
});

test('who leads copies nothing and deletes nothing, though its bytes are not all here', async () => {
  const kept = await keep(other, 'a load that is under way');
  const image = await load('web:1');
  const copies = standby(address);
  await setSettings(store, { leader: address });
  await other.inTurn(() => Promise.resolve());
  await list.change((images) => [...images]);
  await other.inTurn(() => Promise.resolve());
  expect([await other.blobs.has(kept.digest), await other.blobs.has(image.digest)]).toEqual([true, false]);
  copies.close();
});

test('the list that an older controller kept in a file becomes that of the cluster, once', async () => {
  const image = { ref: 'web:1', digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 1, loadedAt: 1 };
  writeFileSync(join(leader.dir, 'index.json'), JSON.stringify([image]));
  await adoptListFile(leader, list);
  expect(list.list()).toMatchObject([image]);
  await list.change(() => []);
  await adoptListFile(leader, list);
  expect(list.list()).toEqual([]);
});
