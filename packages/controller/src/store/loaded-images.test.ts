import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import type { LoadedImage } from '@gantry/model/image';
import { LoadedImages } from './loaded-images.ts';
import { MemoryLog } from './memory-log.ts';
import { openStore } from './open-store.ts';

const image = (ref: string, loadedAt: number): LoadedImage => ({
  ref,
  digest: `sha256:${loadedAt.toString(16).padStart(64, '0')}`,
  sizeBytes: 1,
  loadedAt,
});

test('a list of any length is kept, newest last, and gone again', async () => {
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  const images = new LoadedImages(store);
  const many = Array.from({ length: 300 }, (_, index) => image(`app:${index}`, index));
  await images.change(() => [...many].reverse());
  expect(images.list()).toMatchObject(many);
  await images.change((now) => now.filter(({ ref }) => ref === 'app:7'));
  expect(images.list()).toMatchObject([image('app:7', 7)]);
  await store.close();
});

test('what is in the list already is not written again', async () => {
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  const images = new LoadedImages(store);
  await images.change(() => [image('app:1', 1)]);
  const { revision } = store.view();
  await images.change((now) => [...now, image('app:1', 1)]);
  expect(store.view().revision).toBe(revision);
  await store.close();
});
