import { GantryError } from '@gantry/kit/errors';

export type EntryKind = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

/** Where the data of a sparse file stands; between them it reads as zeros. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** One thing in a layer, with everything an archive says of it. Texts are bytes, one a character (latin1). */
export interface Entry {
  readonly kind: EntryKind;
  readonly name: string;
  /** Of links. */
  readonly linkName: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch as in a pax header, e.g. `1700000000.25`. */
  readonly mtime: string;
  /** Bytes of content that follow in the archive. */
  readonly size: number;
  readonly attributes: ReadonlyMap<string, string>;
  readonly sparse?: { readonly realSize: number; readonly extents: readonly Extent[] };
}

export const blockSize = 512;

/** Bytes with the padding that follows them in an archive. */
export function paddedSize(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

/** Ends the unpacking of a layer. */
export function refuse(why: string): never {
  throw new GantryError('image_refused', `the image is refused: ${why}`);
}

/** A name of a layer as it may stand in a message. */
export function shown(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8').slice(0, 200);
  // A layer must not write to a terminal.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
