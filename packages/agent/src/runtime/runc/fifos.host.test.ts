import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exec, type Exec } from '@gantry/kit/exec';
import { Fifos } from './fifos.ts';

let dir = '';
let runs = 0;
const counted: Exec = (argv, options) => {
  runs++;
  return exec(argv, options);
};
beforeEach(async () => {
  runs = 0;
  dir = await mkdtemp(join(tmpdir(), 'gantry-fifos-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function placed(fifos: Fifos, from: number, count: number): Promise<void> {
  const paths = Array.from({ length: count }, (_, index) => join(dir, `alive${from + index}`));
  await Promise.all(paths.map((path) => fifos.place(path)));
  for (const path of paths) expect((await stat(path)).isFIFO()).toBe(true);
}

test('many at once cost a process for sixteen of them, and each is one of its own', async () => {
  await placed(new Fifos(counted, join(dir, 'stock')), 0, 40);
  expect(runs).toBe(3);
  expect((await readdir(dir)).filter((name) => name.startsWith('alive'))).toHaveLength(40);
});

test('the next agent uses up what is in stock', async () => {
  await placed(new Fifos(counted, join(dir, 'stock')), 0, 1);
  await placed(new Fifos(counted, join(dir, 'stock')), 1, 15);
  expect(runs).toBe(1);
});

test('one that is there stays', async () => {
  const fifos = new Fifos(counted, join(dir, 'stock'));
  await placed(fifos, 0, 1);
  const { ino } = await stat(join(dir, 'alive0'));
  await placed(fifos, 0, 1);
  expect((await stat(join(dir, 'alive0'))).ino).toBe(ino);
});
