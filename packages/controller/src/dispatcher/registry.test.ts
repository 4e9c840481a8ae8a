import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { surelyStoppedAfterMs } from '@gantry/model/fence';
import type { AnyObject } from '@gantry/model/objects';
import type { Node } from '@gantry/model/node';
import { aNode, aRevision, aSpec, aStatus, aTask } from '../../../../tests/support/builders.ts';
import { MemoryLog } from '../store/memory-log.ts';
import { openStore } from '../store/open-store.ts';
import { maxWrites, type Store } from '../store/store.ts';
import { NodeRegistry } from './registry.ts';

const fenceMs = 30_000;
let store: Store;
let registry: NodeRegistry;
const clock = new VirtualClock();
const { description } = aNode();

beforeEach(async () => {
  store = await openStore(new MemoryLog(), { log: silentLogger, clock });
  registry = new NodeRegistry(store, clock, { fenceMs, maxWrites });
  await registry.register('a', 'n1', description);
});

const node = (): Node => store.view().get('node', 'a')!;
const put = (...objects: readonly AnyObject[]) =>
  store.commit(objects.map((object) => ({ op: 'put', object }) as const));

test('that a node was unheard is noted while it is silent, taken back when it registers, and not noted after that', async () => {
  await registry.setUnheard('a', 40_000, () => 50_000);
  expect(node().unheardMs, 'it is heard').toBeUndefined();
  await registry.setSilence(['a'], () => 3_000);
  await registry.setUnheard('a', 40_000, () => 50_000);
  expect(node().unheardMs).toBe(40_000);
  await registry.register('a', 'n1', description);
  expect([node().unheardMs, node().silentSince]).toEqual([undefined, undefined]);
  await registry.setSilence(['a'], () => 3_000);
  await registry.setUnheard('a', 40_000, () => 10);
  expect(node().unheardMs, 'words came while it was written').toBeUndefined();
});

test('another host does not take the name of one that may still run what must not run twice', async () => {
  const { container: _container, ports: _ports, constraints: _rules, ...settings } = aSpec();
  const revision = aRevision({ id: 'r', settings: { ...settings, availability: 'prefer-one' } });
  const task = aTask({ revisionId: 'r', nodeId: 'a', status: aStatus({ state: 'running' }) });
  await registry.setSilence(['a'], () => 6_000);
  await put(revision, task, { ...node(), state: 'down' });
  await expect(registry.register('b', 'n1', description)).rejects.toThrow('may still run tasks');
  const wait = surelyStoppedAfterMs(fenceMs, revision.container.stopGraceMs);
  await registry.setUnheard('a', wait, () => wait);
  await registry.register('b', 'n1', description);
  expect(store.view().nodeNamed('n1')?.id).toBe('b');
});
