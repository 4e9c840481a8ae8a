import { expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { memoryCredentials } from '../images/credentials.ts';
import { KeysInMemory } from '../secrets/keys.ts';
import { SealedVault } from '../secrets/vault.ts';
import { MemoryLog } from '../store/memory-log.ts';
import { openStore } from '../store/open-store.ts';
import { aContainer, aSpec } from '../../../../tests/support/builders.ts';
import { Apply } from './apply.ts';
import { Rollouts } from './rollouts.ts';

/** The API over a store in memory, and a registry in which a tag may be moved. */
async function api() {
  const clock = new VirtualClock();
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock });
  const tags = new Map<string, string>();
  let ids = 0;
  const deps = {
    store,
    clock,
    vault: new SealedVault(new KeysInMemory()),
    maxWrites: 120,
    newId: () => `id${String(ids++)}`,
    credentials: memoryCredentials(),
    images: {
      resolve: (ref: string) =>
        Promise.resolve({ ref, digest: `sha256:${tags.get(ref) ?? ''}`, source: 'registry' as const }),
    },
  };
  return { store, tags, apply: new Apply(deps), rollouts: new Rollouts(deps) };
}

test('a tag that was moved is a new revision, and going back brings the bytes of before', async () => {
  const { store, tags, apply, rollouts } = await api();
  const web = aSpec({ stack: 'shop', name: 'web', container: aContainer({ image: 'web:latest' }) });
  const [old, moved] = ['a'.repeat(64), 'b'.repeat(64)];
  const asked = () => {
    const service = store.view().serviceNamed('shop', 'web');
    const revision = store.view().get('revision', service?.revisionId ?? '');
    return [revision?.number, revision?.image.digest];
  };
  tags.set('web:latest', old);
  await apply.apply({ stack: 'shop', specs: [web], prune: true });
  expect(asked()).toEqual([1, `sha256:${old}`]);
  tags.set('web:latest', moved);
  await apply.apply({ stack: 'shop', specs: [web], prune: true });
  expect(asked()).toEqual([2, `sha256:${moved}`]);
  expect(await rollouts.rollback('shop/web', 1)).toMatchObject({ revision: 1 });
  expect(asked()).toEqual([1, `sha256:${old}`]);
});
