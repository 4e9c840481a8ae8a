/** An image that a user loaded into the cluster, with one of its names. */
export interface LoadedImage {
  /** As in the archive; empty once another image has taken the name. */
  readonly ref: string;
  /** Of its manifest. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly loadedAt: number;
}

/** The same as an object of the store. Its bytes are files of the controllers: of the one it was loaded into, and of those that copied it. */
export interface StoredImage extends LoadedImage {
  readonly kind: 'image';
  /** `imageIdOf` */
  readonly id: string;
  readonly version: number;
}

/** One object for each name of each image, so that the same load twice writes nothing. */
export function imageIdOf({ ref, digest }: Pick<LoadedImage, 'ref' | 'digest'>): string {
  return `${digest}/${ref}`;
}
