import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Blobs } from '@gantry/kit/blobs';
import { imageIdOf, type LoadedImage } from '@gantry/model/image';
import { ImageFiles, type ImageList } from './image-files.ts';

/** The files of loaded images below `dir`, which is made if it is missing. */
export async function openImageFiles(dir: string): Promise<ImageFiles> {
  const blobs = new Blobs(join(dir, 'blobs'));
  await blobs.open();
  return new ImageFiles(dir, blobs);
}

/**
 * Gives the cluster the list that a controller of before 0.2 kept in a file of its own: its images are here, and services name them.
 * To be called by a controller that leads.
 */
export async function adoptListFile({ dir }: ImageFiles, list: ImageList): Promise<void> {
  const file = join(dir, 'index.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const known = JSON.parse(text) as readonly LoadedImage[];
  await list.change((images) => {
    const ids = new Set(images.map(imageIdOf));
    return [...images, ...known.filter((image) => !ids.has(imageIdOf(image)))];
  });
  await rm(file);
}
