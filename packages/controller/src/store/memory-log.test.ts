import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { aTask } from '../../../../tests/support/builders.ts';
import { MemoryLog } from './memory-log.ts';
import { openStore } from './open-store.ts';
import { storeContract } from './store.contract.ts';

const deps = { log: silentLogger, clock: systemClock };
const shared = new MemoryLog();
storeContract('the memory log', () => openStore(shared, deps));

test('after a compaction under its watch the store lists again and tells what it missed', async () => {
  const log = new MemoryLog();
  const writer = await openStore(log, deps);
  const reader = await openStore(lateWatch(log), deps);
  const [kept, gone] = [aTask(), aTask()];
  await writer.commit([
    { op: 'put', object: kept },
    { op: 'put', object: gone },
  ]);
  const { version } = writer.view().get('task', gone.id)!;
  await writer.commit([{ op: 'delete', kind: 'task', id: gone.id, version }]);
  log.compact();
  await new Promise<void>((resolve) => reader.subscribe(() => resolve()));
  expect([...reader.view().all('task')].map(({ id }) => id)).toEqual([kept.id]);
});

test('a controller that does not lead cannot write', async () => {
  const log = new MemoryLog();
  const lead = { key: 'leader', createdAt: 99 };
  const former = await openStore(log, { ...deps, fence: { current: () => lead } });
  expect(await former.commit([{ op: 'put', object: aTask() }])).toEqual({ ok: false, why: 'not_leader' });
  expect(await former.fenced()).toEqual({ ok: false, why: 'not_leader' });
  const never = await openStore(log, { ...deps, fence: { current: () => undefined } });
  expect(await never.commit([{ op: 'put', object: aTask() }])).toEqual({ ok: false, why: 'not_leader' });
  expect(await never.fenced()).toEqual({ ok: false, why: 'not_leader' });
});

/** The same log, but its watches begin only after the history was compacted. */
function lateWatch(log: MemoryLog): MemoryLog {
  const watch = log.watch.bind(log);
  const late = Object.create(log) as MemoryLog;
  late.list = () => log.list();
  late.watch = (revision, watcher) => {
    const timer = setTimeout(() => watch(revision, watcher), 20);
    return () => clearTimeout(timer);
  };
  return late;
}
