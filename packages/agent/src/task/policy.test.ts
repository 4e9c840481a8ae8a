import { expect, test } from 'vitest';
import { aContainer } from '../../../../tests/support/builders.ts';
import type { ContainerSpec } from '@gantry/model/service';
import { closedPolicy, forbidden, isBelowOneOf } from './policy.ts';

const bind = (source: string): Partial<ContainerSpec> => ({
  volumes: [{ kind: 'bind', source, target: '/data', readOnly: true, createSource: false }],
});
const device = (source: string): Partial<ContainerSpec> => ({
  isolation: { devices: [{ source, target: source, permissions: 'rw' }] },
});

test.each<[Partial<ContainerSpec>, RegExp]>([
  [{ isolation: { profile: 'privileged' } }, /does not allow privileged containers/],
  [{ capAdd: ['sys_admin'] }, /the capability SYS_ADMIN/],
  [{ capAdd: ['CAP_DAC_READ_SEARCH'] }, /the capability DAC_READ_SEARCH/],
  [{ capAdd: ['ALL'] }, /the capability ALL/],
  [{ isolation: { seccomp: 'unconfined' } }, /without seccomp/],
  [{ isolation: { systemPaths: 'unconfined' } }, /see all of \/proc/],
  [{ isolation: { oomScoreAdj: -1 } }, /oom_score_adj below 0/],
  [device('/dev/fuse'), /the device \/dev\/fuse/],
  [bind('/etc'), /its path \/etc/],
])('a host that allows nothing refuses %j, and says what its operator could do', (change, words) => {
  const refused = forbidden(aContainer(change), closedPolicy);
  expect(refused?.message).toMatch(words);
  expect(refused?.hint).toMatch(/--allow-/);
});

test.each<[Partial<ContainerSpec>]>([
  [{ capAdd: ['NET_ADMIN', 'SYS_CHROOT'] }],
  [{ isolation: { profile: 'restricted' } }],
  [{ isolation: { noNewPrivileges: false } }],
])('%j needs no leave', (change) => {
  expect(forbidden(aContainer(change), closedPolicy)).toBeUndefined();
});

test('what an operator allows is allowed, with all below it, and no more', () => {
  const policy = { ...closedPolicy, allowBind: ['/srv'], allowDevice: ['/dev/snd'] };
  expect(forbidden(aContainer(bind('/srv/a/b')), policy)).toBeUndefined();
  expect(forbidden(aContainer(device('/dev/snd/timer')), policy)).toBeUndefined();
  expect(forbidden(aContainer(bind('/srvx')), policy)).toBeDefined();
  expect(forbidden(aContainer(bind('/etc')), { ...policy, allowPrivileged: true })).toBeDefined();
});

test('a path is below a root by whole names only, and never by ..', () => {
  expect(isBelowOneOf('/a/b', ['/a'])).toBe(true);
  expect(isBelowOneOf('/a', ['/a/'])).toBe(true);
  expect(isBelowOneOf('/ab', ['/a'])).toBe(false);
  expect(isBelowOneOf('/a/../b', ['/a'])).toBe(false);
  expect(isBelowOneOf('/x', ['/'])).toBe(true);
});
