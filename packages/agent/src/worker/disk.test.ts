import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { anAssignment } from '../../../../tests/support/builders.ts';
import type { TaskRecord } from '../task/record.ts';
import { Disk } from './disk.ts';

let dir: string;
let disk: Disk;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-disk-'));
  disk = new Disk(dir, silentLogger, systemClock);
  await disk.open();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function aRecord(taskId: string): TaskRecord {
  return {
    assignment: anAssignment({ taskId }),
    status: { state: 'running', at: 1, reason: 'running', ready: true },
    cleaned: false,
  };
}

const file = (taskId: string): string => join(dir, 'tasks', `${taskId}.json`);

test('a record is read as it was saved', async () => {
  await disk.save(aRecord('a'));
  expect(await disk.records()).toEqual([aRecord('a')]);
});

test.each<[string, (text: string) => string]>([
  ['is cut off', (text) => text.slice(0, text.length / 2)],
  ['is empty', () => ''],
  ['is no JSON', () => '\0\0\0\0'],
  ['is of a newer agent', (text) => text.replace(/"schema":\d+/, '"schema":999')],
  ['is of another task', (text) => text.replaceAll('"taskId":"bad"', '"taskId":"other"')],
  ['has no assignment', () => '{"schema":1}'],
  ['is null', () => 'null'],
])('a file that %s is put aside whole, and the others are read', async (_what, spoil) => {
  await disk.save(aRecord('good'));
  await disk.save(aRecord('bad'));
  const spoilt = spoil(await readFile(file('bad'), 'utf8'));
  await writeFile(file('bad'), spoilt);
  expect(await disk.records()).toEqual([aRecord('good')]);
  expect(await readFile(join(dir, 'quarantine/bad.json'), 'utf8')).toBe(spoilt);
  expect(await readdir(join(dir, 'tasks'))).toEqual(['good.json']);
});

test('a record that is removed while the directory is read is missed by nobody', async () => {
  await disk.save(aRecord('good'));
  await symlink('nowhere', file('gone')); // listed, and not there to be read
  expect(await disk.records()).toEqual([aRecord('good')]);
  expect(await readdir(dir)).not.toContain('quarantine');
});

test('what an agent that was killed had half written is gone with the next one', async () => {
  await disk.save(aRecord('a'));
  await writeFile(`${file('a')}.123.tmp`, '{"sch');
  await new Disk(dir, silentLogger, systemClock).open();
  expect(await readdir(join(dir, 'tasks'))).toEqual(['a.json']);
});

test('a record that the disk would not take is saved later, in its newest form', async () => {
  const newer = { ...aRecord('a'), cleaned: true };
  disk.saveLater(aRecord('a'));
  disk.saveLater(newer);
  await disk.saveUnsaved();
  expect(await disk.records()).toEqual([newer]);
});
