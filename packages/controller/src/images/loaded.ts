import type { LoadedImage } from '@gantry/model/image';
import { normalizeRef } from '@gantry/model/image-ref';

/** The list after a load: a name means the newest image; the older one stays without it, for those that still run it. */
export function withLoaded(
  images: readonly LoadedImage[],
  fresh: readonly LoadedImage[],
): readonly LoadedImage[] {
  const names = new Set(fresh.map(({ ref }) => normalizeRef(ref)));
  const digests = new Set(fresh.map(({ digest }) => digest));
  const older = images.flatMap((image): readonly LoadedImage[] => {
    if (image.ref !== '' && !names.has(normalizeRef(image.ref))) return [image];
    return digests.has(image.digest) ? [] : [{ ...image, ref: '' }];
  });
  const seen = new Set<string>();
  return [...older, ...fresh].filter(({ ref, digest }) => {
    const key = `${ref} ${digest}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

/** Images that a name means: a reference, or at least six characters of a digest. */
export function imagesNamed(images: readonly LoadedImage[], name: string): readonly LoadedImage[] {
  const byRef = images.filter(({ ref }) => ref !== '' && normalizeRef(ref) === normalizeRef(name));
  if (byRef.length > 0) return byRef;
  const hex = name.replace(/^sha256:/, '');
  return /^[0-9a-f]{6,64}$/.test(hex)
    ? images.filter(({ digest }) => digest.startsWith(`sha256:${hex}`))
    : [];
}

/**
 * What a prune removes: images that no revision names, and of these only those without a name unless `all` is asked for.
 * A digest stays as long as one of its names does.
 */
export function prunable(
  images: readonly LoadedImage[],
  isUsed: (digest: string) => boolean,
  all: boolean,
): readonly LoadedImage[] {
  const wanted = images.filter(({ ref, digest }) => !isUsed(digest) && (all || ref === ''));
  return wanted;
}
