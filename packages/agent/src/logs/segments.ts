import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The file that a monitor begins; when it is full, the monitor puts a new one in its place. In a directory of its own, so that
 * whoever watches that hears of new files and not of every line: the file is moved away as soon as it is there.
 */
export const currentName = 'now/current';
/** The file that was moved away, until its number is known. */
const takenName = 'taken';

/** One file of a log; a monitor that goes on to the next changes its names, never the file. */
export interface Segment {
  readonly path: string;
  /** Counts all that were begun; absent for one that has none yet. */
  readonly number?: number;
  /** Identity of the file, as long as it is open or has a name. */
  readonly inode: number;
  readonly size: number;
  /** When it was last written to, ms since the epoch. */
  readonly writtenAt: number;
}

/**
 * The files of a log, oldest first; empty if there is none. Looked for in the direction in which they are moved: what moves on
 * meanwhile is seen twice, and never not at all.
 */
export async function segmentsOf(dir: string): Promise<readonly Segment[]> {
  const current = await segmentAt(join(dir, currentName));
  const taken = await segmentAt(join(dir, takenName));
  const numbered = (await numbersIn(dir)).map(async (number) => {
    const segment = await segmentAt(join(dir, String(number)));
    return segment && { ...segment, number };
  });
  const seen = new Set<number>();
  return [...(await Promise.all(numbered)), taken, current]
    .flatMap((segment) => segment ?? [])
    .filter(({ inode }) => (seen.has(inode) ? false : seen.add(inode)));
}

async function segmentAt(path: string): Promise<Segment | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info && { path, inode: info.ino, size: info.size, writtenAt: info.mtimeMs };
}

async function numbersIn(dir: string): Promise<readonly number[]> {
  const names = await readdir(dir).catch((): string[] => []);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Makes an empty log, unless it is there; and finishes what an agent did not live to finish. */
export async function beginLog(dir: string): Promise<void> {
  await mkdir(join(dir, 'now'), { recursive: true, mode: 0o700 });
  if (await segmentAt(join(dir, takenName))) await numberTaken(dir, (await newestOf(dir)) + 1);
}

/** The number of the newest file that has one; 0 if none has. */
export async function newestOf(dir: string): Promise<number> {
  return (await numbersIn(dir)).at(-1) ?? 0;
}

/** Asked before anything is moved: looking is harmless on a disk that hangs, moving is not. */
export async function hasCurrent(dir: string): Promise<boolean> {
  return (await segmentAt(join(dir, currentName))) !== undefined;
}

/** Moves the file that the monitor began out of its sight; false if there is none. */
export function takeCurrent(dir: string): Promise<boolean> {
  return rename(join(dir, currentName), join(dir, takenName)).then(
    () => true,
    () => false,
  );
}

export function numberTaken(dir: string, number: number): Promise<void> {
  return rename(join(dir, takenName), join(dir, String(number)));
}

/** Notes that files before this one may be missing, for nobody was there to keep them. */
export function markAway(dir: string, number: number): Promise<void> {
  return writeFile(join(dir, `${number}.away`), '');
}

export async function isMarkedAway(dir: string, number: number): Promise<boolean> {
  return (await segmentAt(join(dir, `${number}.away`))) !== undefined;
}

/** Drops all but the newest files. */
export async function dropOld(dir: string, maxFiles: number): Promise<void> {
  const numbers = await numbersIn(dir);
  const old = numbers.slice(0, Math.max(0, numbers.length - maxFiles));
  const names = old.flatMap((number) => [String(number), `${number}.away`]);
  await Promise.all(names.map((name) => rm(join(dir, name), { force: true })));
}
