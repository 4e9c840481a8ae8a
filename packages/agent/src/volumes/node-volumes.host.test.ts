import { chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec } from '@gantry/kit/exec';
import type { BindMount, NamedVolumeMount, VolumeMount } from '@gantry/model/volume';
import { createVolumes } from './node-volumes.ts';
import type { Volumes } from './volumes.ts';

let dir: string;
let volumes: Volumes;
const owner = { uid: 1_000, gid: 1_001 };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-volumes-'));
  for (const part of ['rootfs/srv', 'allowed/sub', 'secret'])
    await mkdir(join(dir, part), { recursive: true });
  await writeFile(join(dir, 'secret/key'), 'canary');
  volumes = await open();
});

afterEach(async () => {
  for (const taskId of await volumes.held()) await volumes.release(taskId);
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  expect(mounts).not.toContain(dir);
  expect(await readFile(join(dir, 'secret/key'), 'utf8')).toBe('canary');
  await rm(dir, { recursive: true });
});

function open(): Promise<Volumes> {
  const allowBind = [join(dir, 'allowed')];
  return createVolumes({ exec, clock: systemClock, stateDir: join(dir, 'state'), allowBind });
}

function named(more: Partial<NamedVolumeMount> = {}): NamedVolumeMount {
  return {
    kind: 'volume',
    source: 'data',
    target: '/srv',
    readOnly: false,
    noCopy: false,
    external: false,
    ...more,
  };
}

function bind(source: string, more: Partial<BindMount> = {}): BindMount {
  return {
    kind: 'bind',
    source: join(dir, source),
    target: '/srv',
    readOnly: false,
    createSource: false,
    ...more,
  };
}

async function prepare(taskId: string, ...mounts: VolumeMount[]): Promise<string> {
  const sources = await volumes.prepare({ taskId, mounts, rootfs: join(dir, 'rootfs'), owner });
  return sources.get('/srv') ?? '';
}

test('a volume begins with what the image has, once, and outlives its tasks and its agent', async () => {
  await writeFile(join(dir, 'rootfs/srv/page'), 'from the image');
  await chown(join(dir, 'rootfs/srv'), 5, 6);
  const first = await prepare('task00000001', named({ labels: { team: 'core' } }));
  expect(await readFile(join(first, 'page'), 'utf8')).toBe('from the image');
  expect(await stat(first)).toMatchObject({ uid: 5, gid: 6 });
  await writeFile(join(first, 'page'), 'changed');
  expect((await volumes.list())[0]).toMatchObject({
    name: 'data',
    labels: { team: 'core' },
    usedBy: ['task00000001'],
  });
  volumes = await open();
  expect((await volumes.list())[0]?.usedBy).toEqual(['task00000001']);
  await volumes.release('task00000001');
  const second = await prepare('task00000002', named());
  expect(await readFile(join(second, 'page'), 'utf8')).toBe('changed');
});

test('without anything in the image, a new volume belongs to the container’s user; with nocopy nothing is copied', async () => {
  expect(await stat(await prepare('task00000001', named({ source: 'mine', target: '/srv' })))).toMatchObject({
    uid: 0,
  });
  await rm(join(dir, 'rootfs/srv'), { recursive: true });
  expect(await stat(await prepare('task00000002', named()))).toMatchObject(owner);
  await mkdir(join(dir, 'rootfs/srv'));
  await writeFile(join(dir, 'rootfs/srv/page'), 'x');
  expect(await readdir(await prepare('task00000003', named({ source: 'bare', noCopy: true })))).toEqual([]);
});

test('the image cannot have a link lead the copy out of it', async () => {
  await rm(join(dir, 'rootfs/srv'), { recursive: true });
  await symlink(join(dir, 'secret'), join(dir, 'rootfs/srv'));
  expect(await readdir(await prepare('task00000001', named()))).toEqual([]);
});

test('a volume in use is not deleted, one that is free is, and one that is not there is told', async () => {
  await prepare('task00000001', named());
  await expect(volumes.remove('data')).rejects.toMatchObject({
    code: 'conflict',
    message: /used by task task00000001/,
  });
  await volumes.release('task00000001');
  await volumes.remove('data');
  expect(await volumes.list()).toEqual([]);
  await expect(volumes.remove('data')).rejects.toMatchObject({ code: 'not_found' });
  await expect(prepare('task00000002', named({ external: true }))).rejects.toMatchObject({
    message: /external/,
  });
  await volumes.create('data', {});
  await prepare('task00000002', named({ external: true }));
});

test('a volume that came or went is told, a task that uses one is not', async () => {
  let told = 0;
  volumes.onChange(() => told++);
  await prepare('task00000001', named());
  expect(told).toBe(1);
  await prepare('task00000002', named());
  await volumes.create('data', {});
  for (const task of ['task00000001', 'task00000002']) await volumes.release(task);
  expect(told).toBe(1);
  await volumes.remove('data');
  expect(told).toBe(2);
});

test('a subpath is inside the volume whatever links its containers make', async () => {
  const data = await prepare('task00000001', named());
  await mkdir(join(data, 'real'));
  await writeFile(join(data, 'real/file'), 'inside');
  await symlink('/real', join(data, 'link'));
  await symlink(join(dir, 'secret'), join(data, 'away'));
  await symlink('../../../../../../secret', join(data, 'up'));
  const pinned = await prepare('task00000002', named({ subpath: 'link' }));
  expect(await readFile(join(pinned, 'file'), 'utf8')).toBe('inside');
  for (const subpath of ['away', 'up', 'missing'])
    await expect(prepare('task00000003', named({ subpath }))).rejects.toMatchObject({ code: 'not_found' });
  // Pinned: a link put in its place later leads nobody anywhere.
  await rm(join(data, 'link'));
  await symlink(join(dir, 'secret'), join(data, 'link'));
  expect(
    await readFile(join(await prepare('task00000002', named({ subpath: 'link' })), 'file'), 'utf8'),
  ).toBe('inside');
});

test('a path of the host is given if it is allowed, also where links lead, and its data is never deleted', async () => {
  await writeFile(join(dir, 'allowed/sub/file'), 'of the host');
  const pinned = await prepare('task00000001', bind('allowed/sub'));
  expect(await readFile(join(pinned, 'file'), 'utf8')).toBe('of the host');
  await volumes.release('task00000001');
  expect(await readFile(join(dir, 'allowed/sub/file'), 'utf8')).toBe('of the host');
  const file = await prepare('task00000002', bind('allowed/sub/file'));
  expect(await readFile(file, 'utf8')).toBe('of the host');
  await symlink(join(dir, 'secret'), join(dir, 'allowed/away'));
  for (const source of ['secret', 'allowed/away', 'allowed/away/key'])
    await expect(prepare('task00000003', bind(source))).rejects.toMatchObject({ code: 'not_allowed' });
  await expect(prepare('task00000003', bind('allowed/none'))).rejects.toMatchObject({ code: 'not_found' });
  await prepare('task00000004', bind('allowed/new/dir', { createSource: true }));
  expect((await stat(join(dir, 'allowed/new/dir'))).isDirectory()).toBe(true);
});

test('a volume without a name dies with its task', async () => {
  const { source: _source, ...anonymous } = named();
  const own = await prepare('task00000001', anonymous);
  await writeFile(join(own, 'file'), 'x');
  await volumes.release('task00000001');
  await expect(stat(own)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await volumes.held()).toEqual([]);
});
