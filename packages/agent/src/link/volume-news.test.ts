import { expect, test } from 'vitest';
import type { HeldVolumes } from '@gantry/model/volume';
import { FakeVolumes } from '../volumes/fake.ts';
import { VolumeNews } from './volume-news.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function names({ held }: HeldVolumes): readonly string[] {
  return held.map(({ name }) => name);
}

function newsOf(volumes: FakeVolumes): VolumeNews {
  return new VolumeNews(volumes, (error) => {
    throw error;
  });
}

test('a session is told of volumes that came or went, and only then', async () => {
  const volumes = new FakeVolumes();
  await volumes.create('old', {});
  const news = newsOf(volumes);
  await turn();
  const said = news.known();
  expect(said && names(said)).toEqual(['old']);
  const told: (readonly string[])[] = [];
  news.connected((held) => Promise.resolve(void told.push(names(held))), said);
  await turn();
  expect(told).toEqual([]);
  await volumes.create('new', {});
  await volumes.create('newer', {});
  await turn();
  expect(told.at(-1)).toEqual(['new', 'newer', 'old']);
  const before = told.length;
  const mount = {
    kind: 'volume',
    source: 'new',
    target: '/x',
    readOnly: false,
    noCopy: false,
    external: false,
  } as const;
  await volumes.prepare({ taskId: 't', mounts: [mount], rootfs: '/', owner: { uid: 0, gid: 0 } });
  await volumes.release('t');
  await turn();
  expect(told).toHaveLength(before);
  await volumes.remove('new');
  await turn();
  expect(told.at(-1)).toEqual(['newer', 'old']);
});

test('what did not arrive is said again by the next session, unless its registration says it', async () => {
  const volumes = new FakeVolumes();
  const news = newsOf(volumes);
  await turn();
  const first = news.known();
  let tried = 0;
  news.connected(() => (tried++, Promise.reject(new Error('lost'))), first);
  await volumes.create('data', {});
  await volumes.create('more', {});
  await turn();
  expect(tried).toBe(1);
  const told: (readonly string[])[] = [];
  news.connected((held) => Promise.resolve(void told.push(names(held))), first);
  await turn();
  expect(told).toEqual([['data', 'more']]);
  news.disconnected();
  news.connected((held) => Promise.resolve(void told.push(names(held))), news.known());
  await turn();
  expect(told).toHaveLength(1);
});

test('a volume that comes while one is told is told after it', async () => {
  const volumes = new FakeVolumes();
  const news = newsOf(volumes);
  await turn();
  const told: (readonly string[])[] = [];
  let arrive: () => void = () => undefined;
  news.connected((held) => {
    told.push(names(held));
    return new Promise((resolve) => (arrive = resolve));
  }, news.known());
  await volumes.create('a', {});
  await turn();
  await volumes.create('b', {});
  await turn();
  expect(told).toEqual([['a']]);
  arrive();
  await turn();
  expect(told).toEqual([['a'], ['a', 'b']]);
});
