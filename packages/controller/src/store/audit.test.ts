import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger, type Logger } from '@gantry/kit/log';
import { aTask } from '../../../../tests/support/builders.ts';
import { differenceOf } from './audit.ts';
import { encode, keyOf } from './codec.ts';
import { MemoryLog } from './memory-log.ts';
import { openStore } from './open-store.ts';
import type { Store } from './store.ts';
import { Tables } from './tables.ts';

const task = aTask();
const key = keyOf('task', task.id);
const entry = { key, value: encode(task), version: 5 };

/** A view that has reached revision 9 and holds the task in this version, if any. */
function viewWith(version?: number): Tables {
  const tables = new Tables();
  if (version !== undefined) tables.apply('task', task.id, { ...task, version });
  tables.revision = 9;
  return tables;
}

const listing = { entries: [entry], revision: 7, removed: new Set<string>() };

test('a view that holds the same or newer differs in nothing', () => {
  for (const version of [5, 8])
    expect(differenceOf(viewWith(version), listing)).toEqual({ behind: [], left: [] });
});

test('what a view lacks or holds in an older version is behind', () => {
  for (const view of [viewWith(), viewWith(4)]) expect(differenceOf(view, listing).behind).toEqual([entry]);
});

test('what was deleted after the listing is not missed', () => {
  expect(differenceOf(viewWith(), { ...listing, removed: new Set([key]) }).behind).toEqual([]);
});

test('what the log has no more is left over, unless it came after the listing', () => {
  expect(differenceOf(viewWith(5), { ...listing, entries: [] }).left).toMatchObject([{ id: task.id }]);
  expect(differenceOf(viewWith(8), { ...listing, entries: [] }).left).toEqual([]);
});

test('a task that is deleted while the store is audited stays deleted', async () => {
  const log = new SlowList();
  const errors: string[] = [];
  const logger: Logger = { ...silentLogger, error: (message) => void errors.push(message) };
  const store = await openStore(log, { log: logger, clock: systemClock });
  await store.commit([{ op: 'put', object: task }]);
  log.slow = true;
  await manyRevisions(store, 1_100);
  await log.asked;
  const { version } = store.view().get('task', task.id)!;
  await store.commit([{ op: 'delete', kind: 'task', id: task.id, version }]);
  log.answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(store.view().get('task', task.id)).toBeUndefined();
  expect(errors).toEqual([]);
});

async function manyRevisions(store: Store, count: number): Promise<void> {
  const other = aTask();
  for (let slot = 1; slot <= count; slot++) {
    const version = store.view().get('task', other.id)?.version ?? 0;
    await store.commit([{ op: 'put', object: { ...other, slot, version } }]);
  }
}

/** Lists at once, but tells of it only when it is told to. */
class SlowList extends MemoryLog {
  slow = false;
  answer!: () => void;
  readonly #allowed = new Promise<void>((resolve) => (this.answer = resolve));
  #asked!: () => void;
  readonly asked = new Promise<void>((resolve) => (this.#asked = resolve));

  override async list(): ReturnType<MemoryLog['list']> {
    const listed = await super.list();
    if (!this.slow) return listed;
    this.#asked();
    await this.#allowed;
    return listed;
  }
}
