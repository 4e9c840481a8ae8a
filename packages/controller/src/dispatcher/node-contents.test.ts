import { expect, test } from 'vitest';
import { KeysInMemory } from '../secrets/keys.ts';
import { SealedVault } from '../secrets/vault.ts';
import {
  aContainer,
  aRevision,
  aSecret,
  aStatus,
  aTask,
  viewOf,
} from '../../../../tests/support/builders.ts';
import { contentFor } from './node-contents.ts';

const vault = new SealedVault(new KeysInMemory());
const sealed = vault.seal('db', 2, Buffer.from('canary-5e1c'), true);
const mount = { kind: 'secret', source: 'db', number: 2, target: '/s', uid: 0, gid: 0, mode: 0o444 } as const;
const payload = {
  kind: 'payload',
  id: 'secret.db@2',
  version: 0,
  of: 'secret',
  name: 'db',
  number: 2,
} as const;
const task = aTask({ id: 't1', revisionId: 'r1', nodeId: 'n1', status: aStatus({ state: 'preparing' }) });
const revision = aRevision({ id: 'r1', container: aContainer({ contents: [mount] }) });
const rest = [revision, aSecret({ name: 'db', number: 2 }), { ...payload, ...sealed }];
const asked = { taskId: 't1', kind: 'secret', name: 'db', number: 2 };

test('a host gets what a task that it should run has', () => {
  expect(contentFor(viewOf([task, ...rest]), vault, 'n1', asked).toString()).toBe('canary-5e1c');
});

test.each([
  ['of another host', 'n2', task, asked],
  ['that is to stop', 'n1', { ...task, desired: 'shutdown' as const }, asked],
  ['that has ended', 'n1', { ...task, status: aStatus({ state: 'failed' }) }, asked],
  ['that has another version', 'n1', task, { ...asked, number: 1 }],
  ['that has another secret', 'n1', task, { ...asked, name: 'api' }],
  ['that has a secret and no config', 'n1', task, { ...asked, kind: 'config' }],
  ['that is not known', 'n1', task, { ...asked, taskId: 't2' }],
])('a task %s gives nobody a right to it', (_what, node, one, wanted) => {
  expect(() => contentFor(viewOf([one, ...rest]), vault, node, wanted)).toThrow('no task of this host has');
});

test('a controller without the key says which one it lacks', () => {
  const other = new SealedVault(new KeysInMemory());
  expect(() => contentFor(viewOf([task, ...rest]), other, 'n1', asked)).toThrow(
    `secret db@2 is sealed with key ${sealed.keyId}, which is not in memory of this controller`,
  );
});
