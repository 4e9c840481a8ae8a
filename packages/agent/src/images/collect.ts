/** An image that could be removed from a disk. */
export interface Candidate {
  readonly digest: string;
  readonly layers: readonly { readonly name: string; readonly bytes: number }[];
  /** When it was last used, ms since the epoch. */
  readonly usedAt: number;
  /** Something runs from it, is being made from it, or the cluster may go back to it. */
  readonly needed: boolean;
}

export interface DiskUse {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** From when on images are removed, and down to where: parts of the disk. */
export interface Marks {
  readonly high: number;
  readonly low: number;
  /** What was used this short ago stays, ms. */
  readonly minAgeMs: number;
}

export const defaultMarks: Marks = { high: 0.85, low: 0.8, minAgeMs: 600_000 };

export interface Collection {
  /** In the order of their removal. */
  readonly remove: readonly string[];
  readonly freedBytes: number;
  /** Why nothing or not enough can be removed; else absent. */
  readonly note?: string;
}

/**
 * The images to remove so that the disk is at the low mark again: those that nothing needs, longest unused first, and no more
 * than it takes. A layer is freed with the last image that has it.
 */
export function chooseImages(
  disk: DiskUse,
  images: readonly Candidate[],
  now: number,
  marks = defaultMarks,
): Collection {
  if (disk.usedBytes <= disk.totalBytes * marks.high) return { remove: [], freedBytes: 0 };
  const wanted = disk.usedBytes - disk.totalBytes * marks.low;
  const users = new Map<string, number>();
  for (const name of images.flatMap(layerNames)) users.set(name, (users.get(name) ?? 0) + 1);
  const remove: string[] = [];
  let freedBytes = 0;
  for (const image of oldestFirst(images, now - marks.minAgeMs)) {
    if (freedBytes >= wanted) break;
    remove.push(image.digest);
    const sizes = new Map(image.layers.map(({ name, bytes }) => [name, bytes]));
    for (const [name, bytes] of sizes) {
      const left = (users.get(name) ?? 0) - 1;
      users.set(name, left);
      if (left === 0) freedBytes += bytes;
    }
  }
  if (freedBytes >= wanted) return { remove, freedBytes };
  return {
    remove,
    freedBytes,
    note: 'the disk stays above its mark: what else is on it is needed, or is no image',
  };
}

function oldestFirst(images: readonly Candidate[], before: number): readonly Candidate[] {
  return images
    .filter(({ needed, usedAt }) => !needed && usedAt <= before)
    .sort((a, b) => a.usedAt - b.usedAt || (a.digest < b.digest ? -1 : 1));
}

function layerNames({ layers }: Candidate): readonly string[] {
  return [...new Set(layers.map(({ name }) => name))];
}
