import { blockSize, refuse, type Extent } from './entry.ts';
import { number } from './header.ts';

/** Extents that one sparse file may have. */
const maxExtents = 100_000;

/** True for the four extent fields of GNU's old format, in a header or an extension block, with more blocks to follow. */
export function oldGnuExtents(
  block: Buffer,
  at: number,
  count: number,
): { extents: readonly Extent[]; more: boolean } {
  const extents: Extent[] = [];
  for (let i = 0; i < count; i++) {
    const start = at + i * 24;
    if (block[start] === 0) break;
    extents.push({ offset: number(block, start, 12), size: number(block, start + 12, 12) });
  }
  return { extents, more: (block[at + count * 24] ?? 0) !== 0 };
}

/** The extents of GNU's pax formats 0.0 (pairs of records) and 0.1 (`map`); undefined if the header has neither. */
export function paxExtents(records: Iterable<readonly [string, string]>): readonly Extent[] | undefined {
  const numbers: number[] = [];
  let found = false;
  for (const [key, value] of records) {
    if (key === 'GNU.sparse.map') {
      found = true;
      numbers.push(...value.split(',').filter(Boolean).map(whole));
    } else if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      found = true;
      numbers.push(whole(value));
    } else if (key === 'GNU.sparse.numblocks') found = true;
    if (numbers.length > 2 * maxExtents) refuse('a sparse file has too many extents');
  }
  return found ? pairs(numbers) : undefined;
}

/** The map at the beginning of a file's content in GNU's pax format 1.0: a number a line, their count first. */
export function* readMap(): Generator<number, { extents: readonly Extent[]; bytes: number }, Buffer> {
  const numbers: number[] = [];
  let line = '';
  for (let bytes = blockSize; ; bytes += blockSize) {
    const block = yield blockSize;
    if (block.length < blockSize) refuse('it ends in the middle of an entry');
    for (const character of block.toString('latin1')) {
      if (character !== '\n') {
        line += character;
        if (line.length > 20) refuse('the map of a sparse file is malformed');
        continue;
      }
      numbers.push(whole(line));
      line = '';
      const count = numbers[0] ?? 0;
      if (count > maxExtents) refuse('a sparse file has too many extents');
      if (numbers.length === 1 + 2 * count) return { extents: pairs(numbers.slice(1)), bytes };
    }
  }
}

/** Refuses extents that overlap, lead beyond the file, or are not what the archive holds. */
export function checkExtents(extents: readonly Extent[], realSize: number, stored: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, size } of extents) {
    if (offset < end || offset + size > realSize)
      refuse('the extents of a sparse file overlap or lead out of it');
    end = offset + size;
    sum += size;
  }
  if (sum !== stored) refuse('a sparse file has another size than its extents');
}

/** The map as GNU's pax format 1.0 has it before the data, padded. */
export function writeMap(extents: readonly Extent[]): Buffer {
  const text = [extents.length, ...extents.flatMap(({ offset, size }) => [offset, size])].join('\n') + '\n';
  const map = Buffer.alloc(Math.ceil(text.length / blockSize) * blockSize);
  map.write(text, 'latin1');
  return map;
}

export function whole(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) refuse('a number in a pax header is not one');
  return value;
}

function pairs(numbers: readonly number[]): readonly Extent[] {
  if (numbers.length % 2 !== 0) refuse('the map of a sparse file is malformed');
  return Array.from({ length: numbers.length / 2 }, (_, i) => ({
    offset: numbers[2 * i] ?? 0,
    size: numbers[2 * i + 1] ?? 0,
  }));
}
