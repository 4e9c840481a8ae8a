import { blockSize, refuse } from './entry.ts';

/** The fields of a header block as they stand there (POSIX.1-1988 ustar, GNU's and V7's variants). Texts are latin1. */
export interface Header {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** `0` file, `1` hard link, `2` symlink, `3` char, `4` block, `5` directory, `6` fifo, `x`, `g` pax, `L`, `K`, `S` GNU. */
  readonly type: string;
  readonly linkName: string;
}

export function isZero(block: Buffer): boolean {
  return block.equals(zeros);
}

const zeros = Buffer.alloc(blockSize);

/** The header in a block; refuses a wrong checksum, and numbers that are none. */
export function parseHeader(block: Buffer): Header {
  checkSum(block);
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  // GNU uses the prefix field for other things; its magic ends with a space.
  const prefix = posix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8) & 0o7777,
    uid: id(block, 108),
    gid: id(block, 116),
    size: number(block, 124, 12),
    mtime: Math.max(0, signed(block, 136, 12)),
    type: block[156] === 0 ? '0' : String.fromCharCode(block[156] ?? 0x30),
    linkName: text(block, 157, 100),
  };
}

/** Octal text, or GNU's base 256 for what does not fit; refuses what is negative or too large to count. */
export function number(block: Buffer, at: number, length: number): number {
  const value = signed(block, at, length);
  if (value < 0) refuse('a number in a header is negative');
  return value;
}

function signed(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first < 0x80) return octal(block.toString('latin1', at, at + length));
  if (first === 0xff) return -1;
  let value = first & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + (block[at + i] ?? 0);
  if (!Number.isSafeInteger(value)) refuse('a number in a header is too large');
  return value;
}

function octal(field: string): number {
  const digits = /^[ \0]*([0-7]*)[ \0]*/.exec(field)?.[1];
  // What follows the terminator is not read, as Go and GNU do.
  const rest = field.replace(/^ */, '').slice(digits?.length ?? 0);
  if (digits === undefined || (rest !== '' && !/^[ \0]/.test(rest)))
    refuse('a number in a header is not one');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** The largest user or group id that the kernel takes. */
export const maxId = 2 ** 32 - 2;

function id(block: Buffer, at: number): number {
  const value = number(block, at, 8);
  if (value > maxId) refuse(`${value} is not a user or group id`);
  return value;
}

export function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end < 0 || end > at + length ? at + length : end);
}

/** Sum of all bytes with the checksum field taken as spaces; some old writers summed signed bytes. */
export function sums(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < blockSize; at++) {
    if (at >= 148 && at < 156) continue;
    const byte = block[at] ?? 0;
    unsigned += byte;
    if (byte > 0x7f) high++;
  }
  return { unsigned, signed: unsigned - 256 * high };
}

function checkSum(block: Buffer): void {
  const said = number(block, 148, 8);
  const { unsigned, signed: other } = sums(block);
  if (said !== unsigned && said !== other) refuse('a header has a wrong checksum');
}
