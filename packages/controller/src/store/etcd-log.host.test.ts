import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import type { Etcd3 } from 'etcd3';
import { aTask } from '../../../../tests/support/builders.ts';
import { TestEtcd } from '../../../../tests/support/etcd.ts';
import { connectEtcd } from './etcd-client.ts';
import { EtcdLog } from './etcd-log.ts';
import { openStore } from './open-store.ts';
import { storeContract } from './store.contract.ts';
import type { Store } from './store.ts';

const deps = { log: silentLogger, clock: systemClock };
let etcd: TestEtcd;
let client: Etcd3;
const stores: Store[] = [];

beforeAll(async () => {
  etcd = await TestEtcd.start();
  client = connectEtcd([etcd.url]);
});

afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  client.close();
  await etcd.stop();
});

async function open(prefix = '/gantry/v1'): Promise<Store> {
  const store = await openStore(new EtcdLog({ client, prefix, random: Math.random, ...deps }), deps);
  stores.push(store);
  return store;
}

storeContract('etcd', open);

test('lists more than one page', async () => {
  const store = await open('/pages');
  const tasks = Array.from({ length: 2_500 }, () => aTask());
  for (let from = 0; from < tasks.length; from += 100) {
    await store.commit(tasks.slice(from, from + 100).map((object) => ({ op: 'put', object })));
  }
  expect((await open('/pages')).view().count('task')).toBe(2_500);
});

test('a fenced read does not wait for revisions that are of keys elsewhere in etcd', async () => {
  const store = await open('/fenced');
  const task = aTask();
  await store.commit([{ op: 'put', object: task }]);
  for (let other = 0; other < 5; other++) await client.put(`elsewhere/${other}`).value('x');
  expect(await store.fenced()).toMatchObject({ ok: true });
  expect([...store.view().all('task')]).toHaveLength(1);
});

test('etcd may be killed: writes say so, and afterwards the view is right without anybody asking', async () => {
  const store = await open('/killed');
  const before = aTask();
  await store.commit([{ op: 'put', object: before }]);
  await etcd.kill();
  expect(await store.commit([{ op: 'put', object: aTask() }])).toMatchObject({
    ok: false,
    why: 'unavailable',
  });
  const heard = new Promise<void>((resolve) => store.subscribe(() => resolve()));
  await etcd.up();
  const other = await open('/killed');
  const after = aTask();
  // The other store's connection may still be backing off: its first write may say unavailable.
  while (!(await other.commit([{ op: 'put', object: after }])).ok)
    await new Promise((r) => setTimeout(r, 100));
  await heard;
  expect([...store.view().all('task')].map(({ id }) => id).sort()).toEqual([before.id, after.id].sort());
});
