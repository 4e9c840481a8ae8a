import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { asGantryError } from '@gantry/kit/errors';
import { exec, execOk } from '@gantry/kit/exec';
import { Launcher } from '@gantry/kit/launcher';
import { silentLogger } from '@gantry/kit/log';
import { DiskWatch } from './disk-watch.ts';
import { Disk } from './disk.ts';

/** A disk that hangs: a file system of its own, frozen. What writes to it waits in the kernel, and cannot be killed. */

let dir: string;
let mount: string;
let frozen = false;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-hung-'));
  mount = join(dir, 'mount');
  await mkdir(mount);
  await execOk(exec, ['truncate', '--size=16M', join(dir, 'image')]);
  await execOk(exec, ['mkfs.ext4', '-q', '-F', join(dir, 'image')]);
  await execOk(exec, ['mount', '-o', 'loop', join(dir, 'image'), mount]);
});

afterEach(async () => {
  if (frozen) await freeze(false);
  // The last probe may still be on its way out.
  for (let i = 0; i < 100 && (await exec(['umount', mount])).code !== 0; i++) await pause(50);
  await rm(dir, { recursive: true });
});

async function freeze(on: boolean): Promise<void> {
  await execOk(exec, ['fsfreeze', on ? '--freeze' : '--unfreeze', mount]);
  frozen = on;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => systemClock.after(ms, resolve));

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await pause(10);
  expect(done()).toBe(true);
}

/** Processes that wait in the kernel for this disk. */
async function stuck(): Promise<number> {
  const { stdout } = await exec(['pgrep', '--count', '--full', `of=${mount}`]);
  return Number(stdout);
}

test('a disk that hangs is told in words, holds one process and no thread, and is well again at once', async () => {
  let recovered = 0;
  const launcher = new Launcher(join(dir, 'exec'));
  const watch = new DiskWatch({
    dir: mount,
    exec: launcher.exec,
    clock: systemClock,
    log: silentLogger,
    onRecovered: () => {
      recovered++;
      return Promise.resolve();
    },
    hungMs: 100,
  });
  await watch.look();
  expect(watch.pressure).toBeUndefined();
  await freeze(true);
  for (let i = 0; i < 6; i++) await watch.look();
  expect(watch.pressure).toBe('the disk of the state directory hangs');
  expect(watch.hangs).toBe(true);
  expect(await stuck()).toBe(1);
  // Node has four threads for files. Were they waiting, this would wait as well.
  expect(await readFile('/proc/self/comm', 'utf8')).not.toBe('');
  await freeze(false);
  await until(() => watch.pressure === undefined);
  expect(watch.hangs).toBe(false);
  expect(recovered).toBe(1);
  watch.close();
  launcher.close();
});

test('records that a hung disk does not take are answered in time, and kept when it is back', async () => {
  const timers: (() => void)[] = [];
  const clock = {
    ...systemClock,
    after: (_ms: number, then: () => void) => (timers.push(then), () => undefined),
  };
  const disk = new Disk(mount, silentLogger, clock);
  await disk.open();
  await disk.keep('before', 1);
  await freeze(true);
  timers.length = 0;
  const writes = Array.from({ length: 8 }, (_, index) =>
    disk.keep(`value${index}`, index).then(
      () => 'kept',
      (error: unknown) => asGantryError(error).message,
    ),
  );
  await until(() => timers.length === 2);
  for (const late of timers.splice(0)) late();
  expect(new Set(await Promise.all(writes))).toEqual(new Set(['the disk of the state directory hangs']));
  expect(disk.hung).toBe(true);
  await expect(disk.keep('more', 1)).rejects.toMatchObject({ code: 'exhausted' });
  expect(await readFile('/proc/self/comm', 'utf8')).not.toBe('');
  await freeze(false);
  await until(() => !disk.hung);
  await disk.keep('more', 2);
  expect(await disk.load('more')).toBe(2);
  // The two that were under way arrived whole, the others never began.
  expect(await disk.load('value0')).toBe(0);
  expect(await disk.load('value7')).toBeUndefined();
});
