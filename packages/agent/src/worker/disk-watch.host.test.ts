import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { anAssignment } from '../../../../tests/support/builders.ts';
import type { TaskRecord } from '../task/record.ts';
import { DiskWatch } from './disk-watch.ts';
import { Disk } from './disk.ts';

/** A small file system of its own as the state directory. */

let dir: string;
let disk: Disk;
let watch: DiskWatch;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-full-'));
  await execOk(exec, ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]);
  await mkdir(join(dir, 'state'));
  disk = new Disk(join(dir, 'state'), silentLogger, systemClock);
  await disk.open();
  watch = new DiskWatch({
    dir: join(dir, 'state'),
    exec,
    clock: systemClock,
    log: silentLogger,
    onRecovered: () => disk.saveUnsaved(),
  });
});

afterEach(async () => {
  watch.close();
  await execOk(exec, ['umount', dir]);
  await rm(dir, { recursive: true });
});

const record: TaskRecord = {
  assignment: anAssignment({ taskId: 'a' }),
  status: { state: 'running', at: 1, reason: 'running', ready: true },
  cleaned: false,
};

test('a disk that is full is told in words, and what it would not take is kept once it has room', async () => {
  await watch.look();
  expect(watch.pressure).toBeUndefined();
  await writeFile(join(dir, 'filler'), Buffer.alloc(1 << 20)).catch(() => undefined);
  await expect(disk.save(record)).rejects.toMatchObject({ code: 'exhausted', message: /is full/ });
  disk.saveLater(record);
  await watch.look();
  expect(watch.pressure).toBe('the disk of the state directory is full');
  await rm(join(dir, 'filler'));
  await watch.look();
  expect(watch.pressure).toBeUndefined();
  expect(await disk.records()).toEqual([record]);
});

test('a disk that is nearly full takes records, but nothing large', async () => {
  await writeFile(join(dir, 'filler'), Buffer.alloc(984 << 10));
  await watch.look();
  expect(watch.pressure).toMatch(/is 9\d % full/);
  await disk.save(record);
});

test('a disk that became read-only is told in words, and recovers', async () => {
  await execOk(exec, ['mount', '-o', 'remount,ro', dir]);
  await watch.look();
  expect(watch.pressure).toBe('the disk of the state directory is read-only');
  await execOk(exec, ['mount', '-o', 'remount,rw', dir]);
  await watch.look();
  expect(watch.pressure).toBeUndefined();
});
