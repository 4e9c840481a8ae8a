import { createHash } from 'node:crypto';

/** A header block as anyone may write it, also a hostile one; with its content, padded. */
export interface RawEntry {
  readonly name: string;
  /** Type flag; default a file. */
  readonly type?: string;
  readonly linkName?: string;
  readonly content?: string | Buffer;
  /** Said in the header; default the content's. */
  readonly size?: number | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** Six bytes; default POSIX's. */
  readonly magic?: string;
  readonly prefix?: string;
  readonly checksum?: number;
  /** Bytes put over the finished block before its checksum is made. */
  readonly patch?: readonly [at: number, bytes: Buffer];
}

export function entry(raw: RawEntry): Buffer {
  const content = Buffer.from(raw.content ?? '');
  const block = Buffer.alloc(512);
  const octal = (at: number, length: number, value: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(raw.name, 0, 100, 'latin1');
  octal(100, 8, raw.mode ?? 0o644);
  octal(108, 8, raw.uid ?? 0);
  octal(116, 8, raw.gid ?? 0);
  if (Buffer.isBuffer(raw.size)) raw.size.copy(block, 124);
  else octal(124, 12, raw.size ?? content.length);
  octal(136, 12, raw.mtime ?? 1_700_000_000);
  block.write(raw.type ?? '0', 156, 1, 'latin1');
  block.write(raw.linkName ?? '', 157, 100, 'latin1');
  block.write(raw.magic ?? 'ustar\0', 257, 6, 'latin1');
  block.write(raw.magic === undefined ? '00' : ' \0', 263, 2, 'latin1');
  block.write(raw.prefix ?? '', 345, 155, 'latin1');
  if (raw.patch) raw.patch[1].copy(block, raw.patch[0]);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${(raw.checksum ?? sum).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export const dir = (name: string, more: Partial<RawEntry> = {}): Buffer =>
  entry({ name, type: '5', mode: 0o755, ...more });
export const symlink = (name: string, linkName: string): Buffer => entry({ name, type: '2', linkName });
export const hardlink = (name: string, linkName: string): Buffer => entry({ name, type: '1', linkName });
export const file = (name: string, content: string | Buffer = 'x', more: Partial<RawEntry> = {}): Buffer =>
  entry({ name, content, ...more });

/** A pax header for the entry that follows. */
export function pax(records: Readonly<Record<string, string>>, type = 'x'): Buffer {
  const content = Object.entries(records)
    .map(([key, value]) => record(key, value))
    .join('');
  return entry({ name: 'pax', type, content: Buffer.from(content, 'latin1') });
}

export const longName = (name: string): Buffer =>
  entry({ name: '././@LongLink', type: 'L', content: Buffer.from(`${name}\0`, 'latin1') });
export const longLink = (name: string): Buffer =>
  entry({ name: '././@LongLink', type: 'K', content: Buffer.from(`${name}\0`, 'latin1') });

export function archive(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.alloc(1_024)]);
}

export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return `${length}${rest}`;
}
