import { expect, test } from 'vitest';
import { aContainer } from '../../../tests/support/builders.ts';
import { changesInPlace, liveLimits, tuningProblems, withLiveLimits } from './limits.ts';
import type { ContainerSpec } from './service.ts';

const base = aContainer({
  limits: { cpuMillis: 500, memoryBytes: 64 << 20, pids: 10 },
  tuning: { shmBytes: 1 << 20, cpuset: '0', blkio: { readBps: [{ path: '/dev/sda', rate: 1 }] } },
});

test.each<[string, Partial<ContainerSpec>]>([
  ['more processor', { limits: { ...base.limits, cpuMillis: 900 } }],
  ['no limit of the processor', { limits: { memoryBytes: 64 << 20, pids: 10 } }],
  ['less memory', { limits: { ...base.limits, memoryBytes: 32 << 20 } }],
  ['other processors', { tuning: { ...base.tuning, cpuset: '1' } }],
  ['another weight', { tuning: { ...base.tuning, cpuShares: 100 } }],
  ['a link of less bandwidth', { tuning: { ...base.tuning, bandwidth: { egressBits: 10 ** 6 } } }],
  [
    'another rate of a device',
    { tuning: { ...base.tuning, blkio: { readBps: [{ path: '/dev/sda', rate: 2 }] } } },
  ],
])('%s is given to containers that run', (_, change) => {
  expect(changesInPlace(base, { ...base, ...change })).toBe(true);
});

test.each<[string, Partial<ContainerSpec>]>([
  ['no limit of memory', { limits: { cpuMillis: 500, pids: 10 } }],
  ['a larger /dev/shm', { tuning: { ...base.tuning, shmBytes: 2 << 20 } }],
  ['a rate of one more device', { tuning: { ...base.tuning, blkio: {} } }],
  ['all processors', { tuning: { shmBytes: 1 << 20 } }],
  ['another reservation', { reservations: { cpuMillis: 100 } }],
  ['another command', { command: ['x'] }],
])('%s needs new containers', (_, change) => {
  expect(changesInPlace(base, { ...base, ...change })).toBe(false);
});

test('a container with the live limits of another version is that version, if it changes in place', () => {
  const other = { ...base, limits: { memoryBytes: 1 << 20 }, tuning: { ...base.tuning, cpuset: '0-1' } };
  expect(withLiveLimits(base, liveLimits(other))).toEqual(other);
});

test.each<[Partial<ContainerSpec>, RegExp]>([
  [{ tuning: { cpuset: '0-' } }, /does not name processors/],
  [{ tuning: { memorySwapBytes: 1 } }, /needs a memory limit/],
  [{ limits: { memoryBytes: 2 }, tuning: { memorySwapBytes: 1 } }, /cannot be below the memory limit/],
  [{ tuning: { oomKillDisable: true } }, /without a memory limit/],
  [{ tuning: { ulimits: { nofiles: { soft: 1, hard: 1 } } } }, /"nofiles" is not a ulimit/],
  [{ tuning: { ulimits: { nofile: { soft: 2, hard: 1 } } } }, /soft ulimit nofile is above/],
  [{ tuning: { blkio: { weight: 5 } } }, /weight must be/],
  [{ tuning: { blkio: { readBps: [{ path: '/etc/passwd', rate: 1 }] } } }, /not a device/],
  [{ tuning: { bandwidth: { egressBits: 1 } } }, /bandwidth must be/],
])('%j is refused in words', (change, words) => {
  expect(tuningProblems(aContainer(change))[0]?.message).toMatch(words);
});
