import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { aNode } from '../../../../tests/support/builders.ts';
import { MemoryLog } from '../store/memory-log.ts';
import { openStore } from '../store/open-store.ts';
import { maxWrites, type Store } from '../store/store.ts';
import { NodeRegistry } from './registry.ts';
import { Sessions } from './sessions.ts';
import { startWatchdog } from './watchdog.ts';

const [heartbeatMs, fenceMs] = [1_000, 30_000];
let clock: VirtualClock;
let store: Store;
let registry: NodeRegistry;
let sessions: Sessions;
let commits: number;
let stop: () => void;

async function begin(...ids: readonly string[]): Promise<void> {
  for (const id of ids) await registry.register(id, id, aNode().description);
  stop = startWatchdog({ store, sessions, registry, clock, log: silentLogger, heartbeatMs, fenceMs });
  commits = 0;
}

beforeEach(async () => {
  clock = new VirtualClock();
  const opened = await openStore(new MemoryLog(), { log: silentLogger, clock });
  const commit: Store['commit'] = (writes) => {
    if (writes.length > 0) commits++;
    return opened.commit(writes);
  };
  store = new Proxy(opened, {
    get: (of, name) => (name === 'commit' ? commit : (of[name as keyof Store] as () => unknown).bind(of)),
  });
  registry = new NodeRegistry(store, clock, { fenceMs, maxWrites });
  sessions = new Sessions(clock);
});
afterEach(() => stop());

const silent = (): number =>
  [...store.view().all('node')].filter(({ silentSince }) => silentSince !== undefined).length;

test('many hosts that fall silent, or are heard again, are noted in few commits', async () => {
  const ids = Array.from({ length: 300 }, (_, index) => `n${index}`);
  await begin(...ids);
  await clock.advance(3_000);
  expect([silent(), commits]).toEqual([300, 3]);
  for (const id of ids) sessions.heard(id);
  await clock.advance(500);
  expect([silent(), commits]).toEqual([0, 6]);
});

test('nobody is silent whose words wait to be read: those come first', async () => {
  await begin('n1');
  await clock.advance(2_600);
  // As after a thread that was held: at 3 s the timer is due, and the words have come.
  clock.after(400, () => sessions.heard('n1'));
  await clock.advance(1_000);
  expect([silent(), commits]).toEqual([0, 0]);
  await clock.advance(3_000);
  expect([silent(), commits]).toEqual([1, 1]);
});
