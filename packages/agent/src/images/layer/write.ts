import { blockSize, paddedSize, type Entry, type EntryKind } from './entry.ts';
import { paxRecord } from './pax.ts';
import { writeMap } from './sparse.ts';

const types: Readonly<Record<EntryKind, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
};

/**
 * An entry's headers in the one form that we write, whatever it came in: what unpacks a layer sees no byte of another's
 * making but contents, so two readers of a header can never differ. Devices are written as 0/0.
 */
export function writeEntry(entry: Entry): Buffer {
  const name = entry.kind === 'dir' ? `${entry.name}/` : entry.name;
  const map = entry.sparse ? writeMap(entry.sparse.extents) : undefined;
  const pax = paxOf(entry);
  const parts: Buffer[] = [];
  if (pax !== '') parts.push(extension('x', pax));
  if (name.length > 100) parts.push(extension('L', `${name}\0`));
  if (entry.linkName.length > 100) parts.push(extension('K', `${entry.linkName}\0`));
  parts.push(header(types[entry.kind], { ...entry, name, size: entry.size + (map?.length ?? 0) }));
  if (map) parts.push(map);
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

function paxOf({ mtime, attributes, sparse }: Entry): string {
  let pax = mtime.includes('.') ? paxRecord('mtime', mtime) : '';
  for (const [key, value] of attributes) pax += paxRecord(`SCHILY.xattr.${key}`, value);
  if (!sparse) return pax;
  return (
    pax +
    Object.entries({ major: '1', minor: '0', realsize: String(sparse.realSize) })
      .map(([key, value]) => paxRecord(`GNU.sparse.${key}`, value))
      .join('')
  );
}

function extension(type: 'x' | 'L' | 'K', content: string): Buffer {
  const bytes = Buffer.alloc(blockSize + paddedSize(content.length));
  const fields = { name: '././@Extension', linkName: '', mode: 0, uid: 0, gid: 0, mtime: '0' };
  header(type, { ...fields, size: content.length }).copy(bytes);
  bytes.write(content, blockSize, 'latin1');
  return bytes;
}

type Fields = Pick<Entry, 'name' | 'linkName' | 'mode' | 'uid' | 'gid' | 'mtime' | 'size'>;

function header(type: string, { name, linkName, mode, uid, gid, mtime, size }: Fields): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write(name, 0, 100, 'latin1');
  writeNumber(block, 100, 8, mode);
  writeNumber(block, 108, 8, uid);
  writeNumber(block, 116, 8, gid);
  writeNumber(block, 124, 12, size);
  writeNumber(block, 136, 12, Number.parseInt(mtime, 10));
  block.write(type, 156, 'latin1');
  block.write(linkName, 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(0x30, 329, 336);
  block.fill(0x30, 337, 344);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (let at = 0; at < 345; at++) sum += block[at] ?? 0;
  block.write(`${sum.toString(8).padStart(6, '0')}\0`, 148, 'latin1');
  return block;
}

/** Octal if it fits, else base 256. */
function writeNumber(block: Buffer, at: number, length: number, value: number): void {
  const octal = value.toString(8);
  if (octal.length < length) {
    block.write(octal.padStart(length - 1, '0'), at, 'latin1');
    return;
  }
  let rest = value;
  for (let i = length - 1; i > 0; i--, rest = Math.floor(rest / 256)) block[at + i] = rest % 256;
  block[at] = 0x80;
}
