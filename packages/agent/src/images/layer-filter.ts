import { GantryError } from '@gantry/kit/errors';
import { blockSize, emptyEntry, parseHeader, parsePax, paxAttribute, type TarHeader } from './tar-header.ts';

/** How much one layer may hold. */
export interface LayerLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export const defaultLimits: LayerLimits = { maxEntries: 1_000_000, maxBytes: 64 * 2 ** 30 };

/** Names longer than this are no names (PATH_MAX). */
const maxNameBytes = 4_096;
const maxPaxBytes = 1 << 20;

/**
 * Passes a layer's tar on to GNU tar, entry by entry: refuses names that lead out of the layer, also through a symlink
 * made earlier; leaves out device nodes; turns whiteouts (image-spec layer.md) into overlayfs's own: a character device
 * 0/0, or `trusted.overlay.opaque` on the directory.
 */
export async function* filterLayer(
  source: AsyncIterable<Uint8Array>,
  limits = defaultLimits,
): AsyncGenerator<Buffer> {
  const reader = new BlockReader(source);
  const rules = new LayerRules(limits);
  for (;;) {
    const entry = await readEntry(reader);
    if (!entry) break;
    const { blocks, header } = entry;
    const verdict = rules.judge(header);
    if (verdict.instead) yield verdict.instead;
    if (verdict.pass) yield* blocks;
    for await (const content of reader.content(header.size)) if (verdict.pass) yield content;
  }
  yield Buffer.alloc(2 * blockSize);
  await reader.drain();
}

interface Entry {
  /** Everything before the content: extension headers and the header itself, as they came. */
  readonly blocks: readonly Buffer[];
  /** With long names and sizes filled in. */
  readonly header: TarHeader;
}

async function readEntry(reader: BlockReader): Promise<Entry | undefined> {
  const blocks: Buffer[] = [];
  let more: Partial<{ name: string; linkName: string; size: number }> = {};
  for (;;) {
    const block = await reader.block();
    const header = block && parseOrRefuse(block);
    if (!block || !header) return undefined;
    blocks.push(block);
    if (!['x', 'g', 'L', 'K'].includes(header.type)) return { blocks, header: { ...header, ...more } };
    if (header.size > maxPaxBytes) refuse('an extension header is too large');
    const content = await reader.padded(header.size);
    // A global header would reach into entries that follow: nothing in it is needed.
    if (header.type === 'g') blocks.pop();
    else blocks.push(content);
    more = { ...more, ...extension(header, content.subarray(0, header.size)) };
  }
}

function extension(
  header: TarHeader,
  content: Buffer,
): Partial<{ name: string; linkName: string; size: number }> {
  const text = content.toString('utf8').replace(/\0+$/, '');
  if (header.type === 'L') return { name: text };
  if (header.type === 'K') return { linkName: text };
  if (header.type === 'g') return {};
  const pax = parsePaxOrRefuse(content);
  const [name, linkName, size] = [pax.get('path'), pax.get('linkpath'), pax.get('size')];
  for (const key of pax.keys()) {
    if (/^SCHILY\.xattr\.(trusted|user)\.overlay\./.test(key))
      refuse('an entry carries an attribute of overlayfs');
    if (/^GNU\.sparse/.test(key)) refuse('sparse entries are not supported');
  }
  return {
    ...(name !== undefined && { name }),
    ...(linkName !== undefined && { linkName }),
    ...(size !== undefined && { size: Number(size) }),
  };
}

interface Verdict {
  readonly pass: boolean;
  readonly instead?: Buffer;
}

const skip: Verdict = { pass: false };

/** What has been seen of a layer, and what it may still bring. */
class LayerRules {
  readonly #limits: LayerLimits;
  readonly #symlinks = new Set<string>();
  readonly #directoryModes = new Map<string, number>();
  #entries = 0;
  #bytes = 0;

  constructor(limits: LayerLimits) {
    this.#limits = limits;
  }

  judge(header: TarHeader): Verdict {
    if (++this.#entries > this.#limits.maxEntries)
      refuse(`it has more than ${this.#limits.maxEntries} entries`);
    if (!(header.size >= 0)) refuse(`${header.name} has no size`);
    this.#bytes += header.size;
    if (this.#bytes > this.#limits.maxBytes) refuse(`it unpacks to more than ${this.#limits.maxBytes} bytes`);
    const parts = this.#partsOf(header.name);
    const path = parts.join('/');
    const base = parts.at(-1) ?? '';
    if (base.startsWith('.wh.')) return this.#whiteout(parts, base);
    return this.#plain(header, path);
  }

  #plain(header: TarHeader, path: string): Verdict {
    switch (header.type) {
      case '3':
      case '4':
        return skip; // devices come from the runtime, never from an image
      case '1': {
        const target = this.#partsOf(header.linkName).join('/');
        if (this.#symlinks.has(target)) refuse(`${header.name} is a hard link to a symlink`);
        break;
      }
      case '2':
        this.#symlinks.add(path);
        return { pass: true };
      case '5':
        this.#directoryModes.set(path, header.mode);
        break;
      case '0':
      case '6':
      case '7':
        break;
      default:
        refuse(`${header.name} is of the unknown kind "${header.type}"`);
    }
    this.#symlinks.delete(path);
    return { pass: true };
  }

  #whiteout(parts: readonly string[], base: string): Verdict {
    const parent = parts.slice(0, -1);
    if (base === '.wh..wh..opq') {
      const directory = parent.join('/');
      const entry = emptyEntry(
        `${directory === '' ? '.' : directory}/`,
        '5',
        this.#directoryModes.get(directory) ?? 0o755,
      );
      return { pass: false, instead: Buffer.concat([paxAttribute('trusted.overlay.opaque', 'y'), entry]) };
    }
    if (base.startsWith('.wh..wh.')) return skip; // aufs's own housekeeping
    const victim = base.slice('.wh.'.length);
    if (['', '.', '..'].includes(victim)) refuse(`${parts.join('/')} is not a whiteout`);
    return { pass: false, instead: emptyEntry([...parent, victim].join('/'), '3', 0) };
  }

  /** The components of a name that stays inside, and does not go through a symlink of this layer. */
  #partsOf(name: string): readonly string[] {
    if (Buffer.byteLength(name) > maxNameBytes || name.includes('\0'))
      refuse('a name is too long or not a name');
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) refuse(`${name} leads out of the layer`);
    for (let depth = 1; depth < parts.length; depth++) {
      const above = parts.slice(0, depth).join('/');
      if (this.#symlinks.has(above)) refuse(`${name} goes through the symlink ${above}`);
    }
    return parts;
  }
}

/** Blocks and contents out of a stream of chunks of any size. */
class BlockReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** The next block; undefined at the end of the stream. */
  async block(): Promise<Buffer | undefined> {
    await this.#fill(blockSize);
    return this.#rest.length < blockSize ? undefined : this.#take(blockSize);
  }

  /** Content of `size` bytes with its padding, in one piece. */
  async padded(size: number): Promise<Buffer> {
    const whole = Math.ceil(size / blockSize) * blockSize;
    await this.#fill(whole);
    if (this.#rest.length < whole) refuse('it ends in the middle of an entry');
    return this.#take(whole);
  }

  /** Content of `size` bytes with its padding, as it comes. */
  async *content(size: number): AsyncGenerator<Buffer> {
    let left = Math.ceil(size / blockSize) * blockSize;
    while (left > 0) {
      if (this.#rest.length === 0) await this.#fill(1);
      if (this.#rest.length === 0) refuse('it ends in the middle of an entry');
      const piece = this.#take(Math.min(left, this.#rest.length));
      left -= piece.length;
      yield piece;
    }
  }

  /** Reads what follows the end of the archive, so that its digest is of the whole. */
  async drain(): Promise<void> {
    while (!(await this.#iterator.next()).done);
  }

  async #fill(size: number): Promise<void> {
    while (this.#rest.length < size) {
      const next = await this.#iterator.next();
      if (next.done) return;
      const chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    }
  }

  #take(size: number): Buffer {
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }
}

function parseOrRefuse(block: Buffer): TarHeader | undefined {
  try {
    return parseHeader(block);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'a header cannot be read');
  }
}

function parsePaxOrRefuse(content: Buffer): ReadonlyMap<string, string> {
  try {
    return parsePax(content);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'a pax header cannot be read');
  }
}

function refuse(why: string): never {
  throw new GantryError('image_refused', `a layer of the image is refused: ${why}`);
}
