import { systemClock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { startLoop } from '../../packages/controller/src/loop.ts';
import { defaultSettings } from '../../packages/controller/src/reconcilers/reconciler.ts';
import { schedule } from '../../packages/controller/src/reconcilers/schedule.ts';
import { clusterOf } from '../../packages/controller/src/scheduler/cluster.ts';
import { MemoryLog } from '../../packages/controller/src/store/memory-log.ts';
import { openStore } from '../../packages/controller/src/store/open-store.ts';
import { maxWrites, type Store, type Write } from '../../packages/controller/src/store/store.ts';
import { objectsOf, type Shape } from './cluster.ts';
import { mark, since, threadClock, type Spent } from './spent.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  with: () => silent,
};

export interface Committed {
  /** From the start of the loop until the view shows a node for every task. */
  readonly spent: Spent;
  /** ms that the thread was held at a stretch, at most. */
  readonly longest: number;
}

/** The real loop and the real store over the log in memory: decide, commit, hear of it. */
export async function commitAll(shape: Shape): Promise<Committed> {
  const store = await openStore(new MemoryLog(), { log: silent, clock: systemClock });
  // As a controller does: kept up to date from the start, not counted when it begins to lead.
  store.view().derived(clusterOf);
  await fill(store, shape);
  const started = mark();
  let left = shape.tasks;
  const done = new Promise<void>((resolve) => {
    store.subscribe((changes) => {
      for (const { before, after } of changes) {
        if (after?.kind !== 'task' || before?.kind !== 'task') continue;
        if (before.nodeId === undefined && after.nodeId !== undefined) left--;
      }
      if (left === 0) resolve();
    });
  });
  const gaps = watchThread();
  const loop = startLoop({
    store,
    reconcilers: [schedule],
    clock: systemClock,
    log: silent,
    newId: () => '',
    random: () => 0.5,
    settings: defaultSettings,
    maxWrites,
  });
  await done;
  const spent = since(started);
  const longest = gaps();
  await loop.stop();
  await store.close();
  return { spent, longest };
}

async function fill(store: Store, shape: Shape): Promise<void> {
  let writes: Write[] = [];
  const flush = async (): Promise<void> => {
    const result = await store.commit(writes);
    if (!result.ok) throw new Error(`the set-up was not stored: ${result.why}`);
    writes = [];
  };
  for (const object of objectsOf(shape)) {
    writes.push({ op: 'put', object });
    if (writes.length === maxWrites) await flush();
  }
  await flush();
}

/** Looks at the thread's own time whenever it is free; answers with the longest that it was not, ms. */
function watchThread(): () => number {
  const clock = threadClock();
  let [last, longest, on] = [clock(), 0, true];
  const look = (): void => {
    const now = clock();
    longest = Math.max(longest, now - last);
    last = now;
    if (on) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    on = false;
    look();
    return longest;
  };
}
