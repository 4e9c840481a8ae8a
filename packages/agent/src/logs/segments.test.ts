import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readLog } from './read-log.ts';
import { beginLog, currentName, numberTaken, segmentsOf, takeCurrent } from './segments.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-segments-'));
  await beginLog(dir);
});
afterEach(() => rm(dir, { recursive: true }));

test('a file is found at every moment of its way to its number, and stands once, where it got to', async () => {
  for (let number = 1; number <= 300; number++) {
    const path = join(dir, currentName);
    await writeFile(path, 'one line\n');
    const { ino } = await stat(path);
    const moved = takeCurrent(dir).then(() => numberTaken(dir, number));
    const looks = Array.from({ length: 5 }, () => segmentsOf(dir));
    for (const look of [...looks, moved.then(() => segmentsOf(dir))]) {
      const segments = await look;
      expect(segments.filter(({ inode }) => inode === ino)).toHaveLength(1);
      expect(segments.at(-1)?.inode).toBe(ino);
    }
    expect((await segmentsOf(dir)).at(-1)?.number).toBe(number);
    if (number > 3) await rm(join(dir, String(number - 3)));
  }
});

test('a reader finds every line of files that are moved while it looks', async () => {
  const read = async (tail?: number): Promise<readonly string[]> => {
    const lines: string[] = [];
    for await (const batch of readLog(dir, { follow: false, ...(tail !== undefined && { tail }) }, undefined))
      lines.push(...batch.map(({ text }) => text.toString()));
    return lines;
  };
  const all: string[] = [];
  for (let number = 1; number <= 200; number++) {
    await writeFile(join(dir, currentName), `2026-01-01T00:00:00.000000000+00:00 stdout F ${number}\n`);
    all.push(String(number));
    const moved = takeCurrent(dir).then(() => numberTaken(dir, number));
    for (const look of [read(), read(2), read()]) {
      const lines = await look;
      expect(lines.slice(-2)).toEqual(all.slice(-2));
    }
    await moved;
    if (number > 3) await rm(join(dir, String(number - 3)));
  }
  expect(await read()).toEqual(all.slice(-3));
});
