import { expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import type { ContentKind, ContentMount } from '@gantry/model/content';
import type { ServiceSpec } from '@gantry/model/service';
import { unusedMs, contents as pruner } from '../reconcilers/contents.ts';
import { envAt } from '../reconcilers/reconciler.contract.ts';
import { KeysInMemory } from '../secrets/keys.ts';
import { SealedVault } from '../secrets/vault.ts';
import { MemoryLog } from '../store/memory-log.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { memoryCredentials } from '../images/credentials.ts';
import { aContainer, aSpec } from '../../../../tests/support/builders.ts';
import { Apply } from './apply.ts';
import { Contents, type GivenContent } from './contents.ts';
import { usersOf } from './content-users.ts';
import { Rollouts } from './rollouts.ts';

const digest = `sha256:${'a'.repeat(64)}`;

async function aCluster() {
  const clock = new VirtualClock();
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock });
  const vault = new SealedVault(new KeysInMemory());
  let ids = 0;
  const deps = {
    store,
    clock,
    vault,
    maxWrites: 120,
    newId: () => `id${String(ids++)}`,
    credentials: memoryCredentials(),
    images: { resolve: (ref: string) => Promise.resolve({ ref, digest, source: 'loaded' as const }) },
  };
  const apply = new Apply(deps);
  return {
    store,
    clock,
    contents: new Contents(deps),
    rollouts: new Rollouts(deps),
    prepare: (spec: ServiceSpec, ...given: GivenContent[]) =>
      apply.prepare({ stack: spec.stack, specs: [spec], prune: true, contents: given }),
    apply: (spec: ServiceSpec, ...given: GivenContent[]) =>
      apply.apply({ stack: spec.stack, specs: [spec], prune: true, contents: given }),
  };
}

function secret(value: string, name = 'shop_db', kind: ContentKind = 'secret'): GivenContent {
  return { kind, name, value: Buffer.from(value) };
}

function web(source = 'shop_db', stack = 'shop', more: Partial<ContentMount> = {}): ServiceSpec {
  const mount = { kind: 'secret', source, target: '/s', uid: 0, gid: 0, mode: 0o444, ...more } as const;
  return aSpec({ stack, name: 'web', container: aContainer({ contents: [mount] }) });
}

function versions(store: Store, name = 'shop_db'): readonly number[] {
  return [...store.view().versionsOf('secret', name)].map(({ number }) => number).sort();
}

/** The version that the service's spec and its newest revision name. */
function used(store: Store, stack = 'shop'): readonly (number | undefined)[] {
  const service = store.view().serviceNamed(stack, 'web');
  const revision = store.view().get('revision', service?.revisionId ?? '');
  return [service?.spec.container, revision?.container].map((container) => container?.contents?.[0]?.number);
}

test('other content makes the next version and a new revision, the same content makes neither', async () => {
  const { store, apply } = await aCluster();
  await apply(web(), secret('one'));
  expect([versions(store), used(store)]).toEqual([[1], [1, 1]]);
  expect(await apply(web(), secret('one'))).toMatchObject([{ change: 'unchanged' }]);
  expect(await apply(web(), secret('two'))).toMatchObject([{ change: 'updated' }]);
  expect([versions(store), used(store)]).toEqual([
    [1, 2],
    [2, 2],
  ]);
  // Content that a kept version has is that version: going back to the good file goes back to what ran.
  await apply(web(), secret('one'));
  expect([versions(store), used(store)]).toEqual([
    [1, 2],
    [1, 1],
  ]);
});

test('what the store holds of a secret is sealed, and of a config plain', async () => {
  const { store, apply } = await aCluster();
  await apply(web('shop_c', 'shop', { kind: 'config' }), secret('plain words', 'shop_c', 'config'));
  await apply(web(), secret('canary-5e1c'));
  const stored = JSON.stringify([...store.view().all('payload'), ...store.view().all('secret')]);
  expect(stored).toContain(Buffer.from('plain words').toString('base64'));
  for (const value of ['canary-5e1c', Buffer.from('canary-5e1c').toString('base64')])
    expect(stored).not.toContain(value);
});

test('a plan foresees the version and writes nothing', async () => {
  const { store, apply, prepare } = await aCluster();
  await apply(web(), secret('one'));
  const before = store.view().revision;
  const { pins, steps } = await prepare(web(), secret('two'));
  expect(pins).toEqual(['secret shop_db@2']);
  expect(steps).toMatchObject([{ answer: { change: 'updated' } }]);
  expect(store.view().revision).toBe(before);
});

test('a rollback restores the version', async () => {
  const { store, apply, rollouts } = await aCluster();
  await apply(web(), secret('one'));
  await apply(web(), secret('two'));
  expect(await rollouts.rollback('web', 1)).toMatchObject({ revision: 1 });
  expect(used(store)).toEqual([1, 1]);
});

test('an external one is taken in its newest version, and must be there', async () => {
  const { store, contents, apply } = await aCluster();
  await expect(apply(web('db'))).rejects.toMatchObject({
    code: 'not_found',
    path: 'services.web.contents.0',
  });
  expect(await contents.put(secret('one', 'db'), undefined)).toEqual({ number: 1, made: true });
  await apply(web('db'));
  expect(await contents.put(secret('one', 'db'), undefined)).toEqual({ number: 1, made: false });
  expect(await contents.put(secret('two', 'db'), undefined)).toEqual({ number: 2, made: true });
  // Making a version touches no service; the next apply takes it. And going back is a version of its own.
  expect(used(store)).toEqual([1, 1]);
  expect(await contents.put(secret('one', 'db'), undefined)).toEqual({ number: 3, made: true });
  await apply(web('db'));
  expect(used(store)).toEqual([3, 3]);
});

test('a name belongs to one stack, or to nobody', async () => {
  const { contents, apply } = await aCluster();
  await apply(web('common'), secret('one', 'common'));
  await expect(apply(web('common', 'other'), secret('two', 'common'))).rejects.toMatchObject({
    code: 'conflict',
    message: 'secret common belongs to stack shop',
    path: 'services.web.contents.0',
  });
  await expect(contents.put(secret('two', 'common'), undefined)).rejects.toMatchObject({ code: 'conflict' });
  await contents.put(secret('one', 'mine'), undefined);
  await expect(apply(web('mine'), secret('two', 'mine'))).rejects.toMatchObject({
    message: 'secret mine was made by hand',
  });
  await apply(web('common', 'other')); // as external
});

test('a name that nobody needs any more is free, and its numbers go on', async () => {
  const { store, apply } = await aCluster();
  await apply(web('common'), secret('one', 'common'));
  await apply(aSpec({ stack: 'shop', name: 'other' }));
  const [revision] = [...store.view().all('revision')].filter(({ container }) => container.contents);
  const { id = '', version = 0 } = revision ?? {};
  await store.commit([{ op: 'delete', kind: 'revision', id, version }]);
  await apply(web('common', 'next'), secret('one', 'common'));
  expect(used(store, 'next')).toEqual([2, 2]);
  expect(await apply(web('common', 'next'), secret('one', 'common'))).toMatchObject([
    { change: 'unchanged' },
  ]);
});

test('what is too large, empty or too much is refused, in words that hold nothing of it', async () => {
  const { store, contents, apply } = await aCluster();
  await expect(apply(web(), secret('x'.repeat(512_001)))).rejects.toMatchObject({
    message: 'secret shop_db is larger than 500 KiB',
  });
  await expect(apply(web(), secret(''))).rejects.toMatchObject({ message: 'secret shop_db is empty' });
  const big = Buffer.alloc(1_000 * 1_024);
  for (let at = 0; at < 32; at++)
    await contents.put({ kind: 'config', name: `c${at}`, value: big }, undefined);
  await expect(contents.put({ kind: 'config', name: 'more', value: big }, undefined)).rejects.toMatchObject({
    code: 'exhausted',
    message: 'configs and secrets would be more than 32 MiB together',
  });
  expect([...store.view().all('config')]).toHaveLength(32);
});

test('a version that is pruned while a service begins to use it is a conflict, and is made anew', async () => {
  const { store, clock, apply } = await aCluster();
  await apply(web(), secret('one'));
  await apply(web(), secret('two'));
  // Revision 1 is reaped; then its version is about to be pruned, and comes back in the same moment.
  const service = store.view().serviceNamed('shop', 'web');
  const old = [...store.view().revisionsOfService(service?.id ?? '')].find(({ number }) => number === 1);
  await store.commit([{ op: 'delete', kind: 'revision', id: old?.id ?? '', version: old?.version ?? 0 }]);
  const prune = pruner.decide(store.view(), 'secret/shop_db', envAt(clock.now() + unusedMs));
  expect(prune.writes).toMatchObject([{ id: 'shop_db@1' }, { id: 'secret.shop_db@1' }]);
  await apply(web(), secret('one'));
  expect(used(store)).toEqual([1, 1]);
  expect(await store.commit(prune.writes)).toEqual({ ok: false, why: 'conflict' });
  expect(usersOf(store.view(), 'secret', 'shop_db', 1)).toEqual(['shop/web']);
});
