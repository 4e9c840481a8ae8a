import { expect, test } from 'vitest';
import { isolationProblems, type Isolation } from './isolation.ts';

test.each<[Isolation, RegExp]>([
  [{ sysctls: { 'kernel.panic': '1' } }, /belongs to the whole host/],
  [{ sysctls: { 'vm.swappiness': '1' } }, /belongs to the whole host/],
  [{ sysctls: { 'net.ipv4/../kernel': '1' } }, /belongs to the whole host/],
  [{ sysctls: { 'net.core.somaxconn': '' } }, /needs a value/],
  [{ devices: [{ source: '/dev/../etc', target: '/dev/x', permissions: 'r' }] }, /path below \/dev/],
  [{ devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rx' }] }, /no access to a device/],
  [{ groups: ['a b'] }, /is not a group/],
  [{ oomScoreAdj: 2000 }, /-1000 to 1000/],
  [{ profile: 'restricted', noNewPrivileges: false }, /restricted does not allow new privileges/],
  [{ profile: 'restricted', seccomp: 'unconfined' }, /every system call/],
  [{ profile: 'privileged', userns: 'auto' }, /cannot have users of its own/],
])('%j is refused in words', (isolation, words) => {
  expect(isolationProblems({ isolation, capAdd: [] })[0]?.message).toMatch(words);
});

test('settings of namespaces that are always the container’s own are fine', () => {
  const sysctls = {
    'net.core.somaxconn': '9',
    'kernel.shmmax': '1',
    'kernel.sem': '1 2 3 4',
    'fs.mqueue.msg_max': '9',
  };
  expect(isolationProblems({ isolation: { sysctls }, capAdd: [] })).toEqual([]);
});

test('restricted takes one capability only', () => {
  const isolation = { profile: 'restricted' } as const;
  expect(isolationProblems({ isolation, capAdd: ['NET_BIND_SERVICE'] })).toEqual([]);
  expect(isolationProblems({ isolation, capAdd: ['CHOWN'] })).toHaveLength(1);
});
