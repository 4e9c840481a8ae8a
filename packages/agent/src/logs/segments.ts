import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The file that a monitor writes to; when it is full, the monitor puts a new one in its place. */
export const currentName = 'current';

/** One file of a log; a monitor that goes on to the next changes its names, never the file. */
export interface Segment {
  readonly path: string;
  /** Identity of the file, as long as it is open or has a name. */
  readonly inode: number;
  readonly size: number;
  /** When it was last written to, ms since the epoch. */
  readonly writtenAt: number;
}

/** The files of a log, oldest first; empty if there is none. */
export async function segmentsOf(dir: string): Promise<readonly Segment[]> {
  const names = await readdir(dir).catch((): string[] => []);
  const numbered = names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b));
  const found = await Promise.all([...numbered, currentName].map((name) => segmentAt(join(dir, name))));
  const segments = found.flatMap((segment) => segment ?? []);
  // The current file has a number too, unless it is so new that nobody has given it one.
  const seen = new Set<number>();
  return segments.filter(({ inode }) => (seen.has(inode) ? false : seen.add(inode)));
}

/** The file that is written to; undefined if there is none. */
export function currentOf(dir: string): Promise<Segment | undefined> {
  return segmentAt(join(dir, currentName));
}

async function segmentAt(path: string): Promise<Segment | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info && { path, inode: info.ino, size: info.size, writtenAt: info.mtimeMs };
}

/** Makes a log with an empty file, unless it is there. */
export async function beginLog(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = await open(join(dir, currentName), 'a', 0o600);
  await file.close();
}

/**
 * Keeps the current file by giving it a number, and drops what is older than the newest `maxFiles`. The monitor replaces a
 * full file by a new one of the same name: the old one lives on by its number. Answers with the current one.
 */
export async function keepSegments(dir: string, maxFiles: number): Promise<Segment | undefined> {
  const names = await readdir(dir).catch((): string[] => []);
  const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b); // prettier-ignore
  const current = await currentOf(dir);
  if (!current) return undefined;
  const newest = numbers.at(-1) ?? 0;
  const known = newest > 0 ? await segmentAt(join(dir, String(newest))) : undefined;
  if (known?.inode !== current.inode) {
    await link(join(dir, currentName), join(dir, String(newest + 1)));
    numbers.push(newest + 1);
  }
  const old = numbers.slice(0, Math.max(0, numbers.length - maxFiles));
  await Promise.all(old.map((number) => rm(join(dir, String(number)), { force: true })));
  return current;
}
