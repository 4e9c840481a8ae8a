import { readFileSync, statfsSync, statSync } from 'node:fs';
import {
  open as openFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { exec, execOk } from '@gantry/kit/exec';
import { aMount, contentsContract } from './contents.contract.ts';
import type { Contents } from './contents.ts';
import { NodeContents } from './node-contents.ts';
import { writeNewFile } from './write-file.ts';

let base: string;
const dir = (): string => join(base, 'contents');
const taskId = 'task00000001';
const canary = 'canary-5e1c';

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'gantry-contents-'));
});
afterEach(async () => {
  expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(base);
  expect(await readdir(dir()).catch(() => [])).toEqual([]);
});
afterAll(() => rm(base, { recursive: true }));

function open(value: string | Buffer = canary): Contents {
  return new NodeContents({ dir: dir(), exec, fetch: () => Promise.resolve(Buffer.from(value)) });
}

contentsContract('tmpfs', {
  open: (fetch) => new NodeContents({ dir: dir(), exec, fetch }),
  read: (_contents, task, target) => {
    try {
      const index = target === '/page' ? '1' : '0';
      return readFileSync(join(dir(), task, index), 'utf8');
    } catch {
      return undefined;
    }
  },
});

test('files have the owner and mode that were asked for, in memory that only root can enter', async () => {
  const contents = open();
  const mounts = [aMount({ uid: 1_000, gid: 1_001, mode: 0o440 }), aMount({ target: '/b', mode: 0o604 })];
  const sources = await contents.prepare({ taskId, mounts });
  const point = join(dir(), taskId);
  expect(statSync(sources.get('/run/secrets/db') ?? '')).toMatchObject({
    uid: 1_000,
    gid: 1_001,
    mode: 0o100440,
  });
  expect(statSync(sources.get('/b') ?? '').mode & 0o7777).toBe(0o604);
  expect(statSync(point).mode & 0o7777).toBe(0o700);
  expect(statfsSync(point).type).toBe(0x01021994);
  expect(await readFile('/proc/self/mountinfo', 'utf8')).toMatch(
    new RegExp(`${point} rw,nosuid,nodev,noexec.* - tmpfs gantry-contents`),
  );
  await contents.release(taskId);
});

test('the largest content fits, and not much more: a task cannot fill the memory of its host', async () => {
  const contents = open(Buffer.alloc(1_000 * 1_024, 'x'));
  const sources = await contents.prepare({ taskId, mounts: [aMount({ kind: 'config' })] });
  expect(statSync(sources.get('/run/secrets/db') ?? '').size).toBe(1_000 * 1_024);
  await expect(writeFile(join(dir(), taskId, 'more'), Buffer.alloc(64 * 1_024))).rejects.toThrow('ENOSPC');
  await contents.release(taskId);
});

test('what an agent that was killed had half laid out is laid out anew', async () => {
  const point = join(dir(), taskId);
  await mkdir(point, { recursive: true });
  await execOk(exec, ['mount', '-t', 'tmpfs', 'half', point]);
  await writeFile(join(point, '0'), 'half a sec');
  const contents = open();
  const sources = await contents.prepare({ taskId, mounts: [aMount()] });
  expect(await readFile(sources.get('/run/secrets/db') ?? '', 'utf8')).toBe(canary);
  await contents.release(taskId);
});

test('one that is still open is let go of, and gone with its last reader', async () => {
  const contents = open();
  const sources = await contents.prepare({ taskId, mounts: [aMount()] });
  const reader = await openFile(sources.get('/run/secrets/db') ?? '');
  await contents.release(taskId);
  expect(await reader.readFile('utf8')).toBe(canary);
  await reader.close();
});

test('nothing is written through a link, nor over what is there', async () => {
  const victim = join(base, 'victim');
  await writeFile(victim, 'untouched');
  await symlink(victim, join(base, 'link'));
  const owner = { uid: 0, gid: 0, mode: 0o600 };
  for (const path of [join(base, 'link'), victim])
    expect(() => writeNewFile(path, Buffer.from(canary), owner)).toThrow('EEXIST');
  expect(await readFile(victim, 'utf8')).toBe('untouched');
});
