import { blockSize, refuse, shown, type Entry, type EntryKind, type Extent } from './entry.ts';
import { isZero, maxId, number, parseHeader, text, type Header } from './header.ts';
import { parsePax, paxRecords } from './pax.ts';
import { checkExtents, oldGnuExtents, paxExtents, readMap, whole } from './sparse.ts';

/** What a reader wants next: `n > 0` exactly n bytes (fewer only at the end), `n < 0` any number of them up to `-n`. */
export type Ask = number;
export type Reading<T> = Generator<Ask, T, Buffer>;

/** Extension headers of one entry are kept in memory: more than this is refused (bytes). */
const maxExtensionBytes = 1 << 20;
/** They may stand one after another, but not without end. */
const maxExtensions = 16;

const kinds: Readonly<Record<string, EntryKind>> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
};

/** What extension headers say of the entry that follows them. */
interface Extension {
  readonly pax: ReadonlyMap<string, string>;
  readonly extents: readonly Extent[] | undefined;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
}

/** The next entry, all extensions applied as Go's archive/tar does (what made the layer); undefined at the end. */
export function* readEntry(): Reading<Entry | undefined> {
  let extension: Extension = { pax: new Map(), extents: undefined, longName: undefined, longLink: undefined };
  for (let count = 0; ; count++) {
    const block = yield blockSize;
    if (block.length === 0 && count === 0) return undefined;
    if (block.length < blockSize) refuse('it ends in the middle of an entry');
    if (isZero(block)) return yield* readEnd(count);
    const header = parseHeader(block);
    if (!'xgLK'.includes(header.type)) return yield* entryOf(header, block, extension);
    if (count >= maxExtensions) refuse('an entry has too many extension headers');
    extension = extend(extension, header.type, yield* readExtension(header));
  }
}

/** Two blocks of zeros end an archive; what follows is nobody's. */
function* readEnd(extensions: number): Reading<undefined> {
  if (extensions > 0) refuse('it ends in the middle of an entry');
  const second = yield blockSize;
  if (second.length > 0 && !isZero(second)) refuse('a block of zeros stands among its entries');
  return undefined;
}

function* readExtension({ size }: Header): Reading<Buffer> {
  if (size > maxExtensionBytes) refuse('an extension header is too large');
  const whole = Math.ceil(size / blockSize) * blockSize;
  const content = size === 0 ? Buffer.alloc(0) : yield whole;
  if (content.length < whole) refuse('it ends in the middle of an entry');
  return content.subarray(0, size);
}

function extend(before: Extension, type: string, content: Buffer): Extension {
  switch (type) {
    case 'L':
      return { ...before, longName: text(content, 0, content.length) };
    case 'K':
      return { ...before, longLink: text(content, 0, content.length) };
    case 'x':
      return { ...before, pax: parsePax(content), extents: paxExtents(paxRecords(content)) };
    default:
      return before; // A global header would reach into entries that follow: nothing in it is needed.
  }
}

function* entryOf(header: Header, block: Buffer, extension: Extension): Reading<Entry> {
  const entry = plainEntry(header, extension);
  if (header.type === 'S') return yield* oldSparse(entry, block);
  if (extension.pax.get('GNU.sparse.major') === '1') return yield* newSparse(entry, extension);
  if (extension.extents === undefined) return entry;
  return sparse(entry, extension.extents, realSizeOf(extension));
}

/** A pax record wins over GNU's long names, wherever it stands. */
function plainEntry(header: Header, { pax, longName, longLink }: Extension): Entry {
  const given = (key: string): string | undefined => pax.get(key) || undefined;
  const name = given('GNU.sparse.name') ?? given('path') ?? longName ?? header.name;
  const size = given('size');
  let kind = kinds[header.type];
  if (kind === undefined) refuse(`${shown(name)} is of the unknown kind "${shown(header.type)}"`);
  if (kind === 'file' && name.endsWith('/')) kind = 'dir';
  const attributes = new Map<string, string>();
  for (const [key, value] of pax) if (key.startsWith('SCHILY.xattr.')) attributes.set(key.slice(13), value);
  return {
    kind,
    name,
    linkName: given('linkpath') ?? longLink ?? header.linkName,
    mode: header.mode,
    uid: idOr(given('uid'), header.uid),
    gid: idOr(given('gid'), header.gid),
    mtime: timeOr(given('mtime'), header.mtime),
    // Only files have content, whatever the header says: Go reads it so, and layers are made by it.
    size: kind !== 'file' ? 0 : size === undefined ? header.size : whole(size),
    attributes,
  };
}

function* oldSparse(entry: Entry, block: Buffer): Reading<Entry> {
  let { extents, more } = oldGnuExtents(block, 386, 4);
  while (more) {
    const extension = yield blockSize;
    if (extension.length < blockSize) refuse('it ends in the middle of an entry');
    const next = oldGnuExtents(extension, 0, 21);
    extents = [...extents, ...next.extents];
    if (extents.length > 10_000) refuse('a sparse file has too many extents');
    more = next.more;
  }
  return sparse(entry, extents, number(block, 483, 12));
}

function* newSparse(entry: Entry, extension: Extension): Reading<Entry> {
  const { extents, bytes } = yield* readMap();
  if (bytes > entry.size) refuse('the map of a sparse file is larger than the file');
  return sparse({ ...entry, size: entry.size - bytes }, extents, realSizeOf(extension));
}

function realSizeOf({ pax }: Extension): number {
  return whole(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size') ?? '');
}

function sparse(entry: Entry, extents: readonly Extent[], realSize: number): Entry {
  if (entry.kind !== 'file') refuse(`${shown(entry.name)} is sparse, but no file`);
  checkExtents(extents, realSize, entry.size);
  return { ...entry, sparse: { realSize, extents } };
}

function idOr(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const id = whole(text);
  if (id > maxId) refuse(`${id} is not a user or group id`);
  return id;
}

/** A time outside of what file systems hold is taken as the header's. */
function timeOr(text: string | undefined, otherwise: number): string {
  const match = /^(\d{1,10})(\.\d{1,9})?\d*$/.exec(text ?? '');
  return match ? `${match[1] ?? ''}${match[2] ?? ''}` : String(Math.min(otherwise, 9_999_999_999));
}
