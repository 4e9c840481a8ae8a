import { open, type FileHandle } from 'node:fs/promises';
import { parseLine } from './k8s-file.ts';
import type { LogLine, LogQuery } from './logs.ts';
import { gapBetween } from './gap.ts';
import { segmentsOf, type Segment } from './segments.ts';

const chunkBytes = 64 << 10;

/** Tells when something changed; false when there will be nothing more. */
export interface Changes {
  next(): Promise<boolean>;
}

/** Lines of a log in order, over all of its files; with `changes`, also those to come until the log is gone. */
export async function* readLog(
  dir: string,
  query: LogQuery,
  changes: Changes | undefined,
): AsyncGenerator<readonly LogLine[]> {
  let start = await startOf(dir, query);
  while (!start) {
    // The container may not have begun.
    if (!(await changes?.next())) return;
    start = await startOf(dir, query);
  }
  let { segment, offset } = start;
  for (;;) {
    const file = await openSegment(dir, segment);
    try {
      if (file) yield* readSegment(file, offset, dir, segment.inode, query, changes);
    } finally {
      await file?.close();
    }
    const segments = await segmentsOf(dir);
    const read = segments.find(({ inode }) => inode === segment.inode) ?? segment;
    const next = following(segments, segment);
    if (!next) return;
    const gap = await gapBetween(dir, read, next);
    if (gap) yield [gap];
    segment = next;
    offset = 0;
  }
}

/** Lines of one file until it is full and read: that is, until there is a newer one, or nothing more to wait for. */
async function* readSegment(
  file: FileHandle,
  offset: number,
  dir: string,
  inode: number,
  { since }: LogQuery,
  changes: Changes | undefined,
): AsyncGenerator<readonly LogLine[]> {
  let at = offset;
  let rest: Buffer = Buffer.alloc(0);
  let full = false;
  const buffer = Buffer.alloc(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, at);
    if (bytesRead === 0) {
      // What was written before the newer file was begun has been read by now, or will be in one more turn.
      if (full) return;
      const segments = await segmentsOf(dir);
      full = segments.length === 0 || segments.at(-1)?.inode !== inode;
      if (full) continue;
      if (!changes || !(await changes.next())) return;
      continue;
    }
    at += bytesRead;
    const [lines, left] = split(Buffer.concat([rest, buffer.subarray(0, bytesRead)]));
    rest = left;
    const parsed = lines.flatMap((line) => parseLine(line) ?? []);
    const wanted = since === undefined ? parsed : parsed.filter((line) => line.at >= since);
    if (wanted.length > 0) yield wanted;
  }
}

/** From its first name to its number a file is moved twice. */
const moves = 2;

/** Opens a file, whatever its name is by now; undefined if it has been dropped. */
async function openSegment(dir: string, { path, inode }: Segment): Promise<FileHandle | undefined> {
  let at: string | undefined = path;
  for (let tries = 0; at !== undefined && tries <= moves; tries++) {
    const file: FileHandle | undefined = await open(at, 'r').catch(() => undefined);
    if (file && (await file.stat()).ino === inode) return file;
    await file?.close();
    at = (await segmentsOf(dir)).find((segment) => segment.inode === inode)?.path;
  }
  return undefined;
}

/** The file after this one; the oldest there is if this one has been dropped. */
function following(segments: readonly Segment[], { inode }: Segment): Segment | undefined {
  return segments[segments.findIndex((segment) => segment.inode === inode) + 1];
}

/** Where reading begins: the file and the place in it; undefined while there is no log. */
async function startOf(
  dir: string,
  { tail, since }: LogQuery,
): Promise<{ readonly segment: Segment; readonly offset: number } | undefined> {
  const segments = await segmentsOf(dir);
  if (tail !== undefined) return startOfTail(dir, segments, tail);
  // A file that was last written to before is not worth opening.
  const first =
    segments.find(({ writtenAt }) => since === undefined || writtenAt >= since) ?? segments.at(-1);
  return first && { segment: first, offset: 0 };
}

async function startOfTail(
  dir: string,
  segments: readonly Segment[],
  count: number,
): Promise<{ readonly segment: Segment; readonly offset: number } | undefined> {
  let left = count;
  let found: { readonly segment: Segment; readonly offset: number } | undefined;
  for (const segment of [...segments].reverse()) {
    const file = await openSegment(dir, segment);
    if (!file) break;
    try {
      const { offset, lines } = await lastLines(file, left);
      found = { segment, offset };
      left -= lines;
      if (left <= 0) break;
    } finally {
      await file.close();
    }
  }
  return found;
}

/** Where the last `count` lines of a file begin, and how many there are at most; reads from its end backwards. */
async function lastLines(file: FileHandle, count: number): Promise<{ offset: number; lines: number }> {
  const { size } = await file.stat();
  if (count === 0) return { offset: size, lines: 0 };
  const buffer = Buffer.alloc(chunkBytes);
  let ends = 0;
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(buffer, 0, end - from, from);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline at the very end closes the last line; one more opens the first that is wanted.
      if (buffer[at] === 0x0a && ++ends > count) return { offset: from + at + 1, lines: count };
    }
    end = from;
  }
  return { offset: 0, lines: ends };
}

/** Whole lines, and what follows the last of them. */
function split(bytes: Buffer): readonly [lines: readonly Buffer[], rest: Buffer] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return [lines, bytes.subarray(from)];
}
