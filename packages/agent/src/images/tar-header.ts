/** Reading and writing of ustar headers (POSIX.1-1988, with GNU's and pax's ways of longer names). */
export const blockSize = 512;

export interface TarHeader {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  /** `0` file, `1` hard link, `2` symlink, `3` char, `4` block, `5` directory, `6` fifo, `x`, `g` pax, `L`, `K` GNU. */
  readonly type: string;
  readonly linkName: string;
}

/** The header in a block; undefined for the zeros at the end. Throws a RangeError if its checksum is wrong. */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (checksum(block) !== number(block, 148, 8)) throw new RangeError('a header has a wrong checksum');
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    // GNU uses the prefix field for other things; its magic ends with a space.
    name: prefix !== '' && block[262] === 0 ? `${prefix}/${name}` : name,
    mode: number(block, 100, 8),
    size: number(block, 124, 12),
    type: String.fromCharCode(block[156] ?? 48).replace('\0', '0'),
    linkName: text(block, 157, 100),
  };
}

/** A header (and, for names that do not fit, GNU's long name before it) for an entry without content. */
export function emptyEntry(name: string, type: '3' | '5', mode: number): Buffer {
  const header = writeHeader(name.slice(0, 100), type, mode, 0);
  if (Buffer.byteLength(name) <= 100) return header;
  const bytes = Buffer.from(`${name}\0`);
  return Buffer.concat([writeHeader('././@LongLink', 'L', 0, bytes.length), padded(bytes), header]);
}

/** A pax header that gives the next entry an extended attribute. */
export function paxAttribute(key: string, value: string): Buffer {
  const bytes = Buffer.from(paxRecord(`SCHILY.xattr.${key}`, value));
  return Buffer.concat([writeHeader('pax', 'x', 0o644, bytes.length), padded(bytes)]);
}

/** `key=value` pairs of a pax header's content. */
export function parsePax(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at || at + length > content.length) {
      throw new RangeError('a pax header is malformed');
    }
    const record = content.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return `${length}${rest}`;
}

function writeHeader(name: string, type: string, mode: number, size: number): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write(name, 0, 100);
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  for (const offset of [108, 116]) block.write('0000000\0', offset);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write(type, 156);
  block.write('ustar\x0000', 257, 'latin1');
  for (const offset of [329, 337]) block.write('0000000\0', offset);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((blockSize - (bytes.length % blockSize)) % blockSize)]);
}

/** Sum of all bytes, with the checksum field itself taken as spaces. */
function checksum(block: Buffer): number {
  let sum = 0;
  for (let at = 0; at < blockSize; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return sum;
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

/** Octal text, or GNU's base 256 for what does not fit. */
function number(block: Buffer, at: number, length: number): number {
  if (((block[at] ?? 0) & 0x80) === 0) return Number.parseInt(text(block, at, length).trim() || '0', 8);
  let value = (block[at] ?? 0) & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + (block[at + i] ?? 0);
  return value;
}
