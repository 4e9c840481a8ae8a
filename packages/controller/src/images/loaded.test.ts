import { expect, test } from 'vitest';
import type { LoadedImage } from '@gantry/model/image';
import { imagesNamed, prunable, withLoaded } from './loaded.ts';

const image = (ref: string, digit: string): LoadedImage => ({
  ref,
  digest: `sha256:${digit.repeat(64)}`,
  sizeBytes: 1,
  loadedAt: 1,
});

test('a name means what was loaded last; what had it before stays without it', () => {
  expect(withLoaded([image('web:1', 'a')], [image('web:1', 'b')])).toEqual([
    image('', 'a'),
    image('web:1', 'b'),
  ]);
});

test('the same bytes under the same name are one image, under two names two', () => {
  expect(withLoaded([image('web:1', 'a')], [image('docker.io/library/web:1', 'a')])).toHaveLength(1);
  expect(withLoaded([image('web:1', 'a')], [image('web:2', 'a')])).toHaveLength(2);
});

test('an image is found by its name in any spelling, or by the beginning of its digest', () => {
  const images = [image('web', 'a'), image('db:2', 'b')];
  expect(imagesNamed(images, 'docker.io/library/web:latest')).toEqual([image('web', 'a')]);
  expect(imagesNamed(images, 'sha256:bbbbbb')).toEqual([image('db:2', 'b')]);
  expect(imagesNamed(images, 'bbb')).toEqual([]);
});

test('a prune takes images without a name, all of them if asked, and never one that a revision names', () => {
  const images = [image('', 'a'), image('', 'b'), image('web:1', 'c'), image('db:1', 'd')];
  const isUsed = (digest: string): boolean => digest.startsWith('sha256:a') || digest.startsWith('sha256:d');
  expect(prunable(images, isUsed, false)).toEqual([image('', 'b')]);
  expect(prunable(images, isUsed, true)).toEqual([image('', 'b'), image('web:1', 'c')]);
});
