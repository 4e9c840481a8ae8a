import { expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { systemClock } from '@gantry/kit/clock';
import { aTask } from '../../../tests/support/builders.ts';
import { startLoop } from './loop.ts';
import { defaultSettings, type Reconciler } from './reconcilers/reconciler.ts';
import { MemoryLog } from './store/memory-log.ts';
import { openStore } from './store/open-store.ts';

/** Makes tasks one by one, each in a commit of its own, until there are so many. */
function counting(upTo: number): Reconciler {
  return {
    name: 'counting',
    keys: () => ['all'],
    keysOf: () => ['all'],
    decide: (view) =>
      view.count('task') < upTo ? { writes: [{ op: 'put', object: aTask() }] } : { writes: [] },
  };
}

test('others get the thread between any two commits, also where the log answers at once', async () => {
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  let turns = 0;
  const others = (): void => {
    turns++;
    if (store.view().count('task') < 100) setImmediate(others);
  };
  setImmediate(others);
  const full = new Promise<void>((resolve) =>
    store.subscribe(() => store.view().count('task') === 100 && resolve()),
  );
  const loop = startLoop({
    store,
    reconcilers: [counting(100)],
    clock: systemClock,
    log: silentLogger,
    random: () => 0.5,
    newId: () => '',
    settings: defaultSettings,
    maxWrites: 120,
  });
  await full;
  await loop.stop();
  expect(turns).toBeGreaterThanOrEqual(100);
});
