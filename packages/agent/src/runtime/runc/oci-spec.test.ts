import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContainerPlan } from '../runtime.ts';
import { ociSpec, type OciHost } from './oci-spec.ts';

const host: OciHost = {
  cgroupsPath: '/gantry/task00000001',
  maxOpenFiles: 20_000,
  swapLimit: true,
  arch: 'x64',
};

function aPlan(more: Partial<ContainerPlan> = {}): ContainerPlan {
  return {
    id: 'task00000001',
    rootfs: '/r',
    netns: '/run/netns/gt-task00000001',
    argv: ['/bin/web', '-v'],
    env: ['PATH=/bin'],
    cwd: '/srv',
    user: { uid: 33, gid: 33, additionalGids: [44] },
    hostname: 'web-1',
    readOnlyRootfs: true,
    init: false,
    capabilities: ['CAP_KILL'],
    mounts: [
      { kind: 'tmpfs', target: '/run' },
      { kind: 'bind', source: '/f/hosts', target: '/etc/hosts', readOnly: true },
    ],
    limits: { cpuMillis: 1500, memoryBytes: 64 << 20, pids: 32 },
    cpuReservationMillis: 500,
    labels: { 'gantry.service': 'shop/web' },
    ...more,
  };
}

describe('the OCI configuration of a container', () => {
  test('is this one for a plan that uses everything', () => {
    const { linux, ...spec } = ociSpec(aPlan(), host);
    const { seccomp, ...closed } = linux;
    expect(seccomp?.syscalls.length).toBeGreaterThan(5); // its own test looks closer
    expect({ ...spec, linux: closed }).toMatchSnapshot();
  });

  test('every namespace is the container’s own, and the network’s is the one that was made for it', () => {
    expect(ociSpec(aPlan(), host).linux.namespaces).toEqual([
      { type: 'pid' },
      { type: 'network', path: '/run/netns/gt-task00000001' },
      { type: 'ipc' },
      { type: 'uts' },
      { type: 'mount' },
      { type: 'cgroup' },
    ]);
  });

  test('nothing is inheritable or ambient, and no new privileges can be had', () => {
    const { capabilities, noNewPrivileges } = ociSpec(aPlan(), host).process;
    expect(capabilities).toEqual({
      bounding: ['CAP_KILL'],
      permitted: ['CAP_KILL'],
      effective: ['CAP_KILL'],
    });
    expect(noNewPrivileges).toBe(true);
  });

  test('limits stand in the kernel’s units; memory includes swap where swap can be limited', () => {
    expect(ociSpec(aPlan(), host).linux.resources).toMatchObject({
      cpu: { shares: 512, quota: 150_000, period: 100_000 },
      memory: { limit: 64 << 20, swap: 64 << 20 },
      pids: { limit: 32 },
    });
    expect(ociSpec(aPlan(), { ...host, swapLimit: false }).linux.resources.memory).toEqual({
      limit: 64 << 20,
    });
  });

  test('without limits only processes are limited, and without a reservation the weight is small', () => {
    const { cpuReservationMillis: _, ...plan } = aPlan({ limits: {} });
    const { cpu, memory, pids } = ociSpec(plan, host).linux.resources;
    expect({ cpu, memory, pids }).toEqual({
      cpu: { shares: 102, quota: -1, period: 100_000 },
      memory: undefined,
      pids: { limit: 512 },
    });
  });

  test('rlimits are never above what the host has', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (maxOpenFiles) => {
        const [files] = ociSpec(aPlan(), { ...host, maxOpenFiles }).process.rlimits;
        expect(files?.hard).toBeLessThanOrEqual(maxOpenFiles);
        expect(files?.soft).toBeLessThanOrEqual(files?.hard ?? 0);
      }),
    );
  });

  test('CPU weight and quota stay within the kernel’s bounds', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), fc.integer({ min: 1, max: 1_000_000 }), (reserved, cpuMillis) => {
        const plan = aPlan({ cpuReservationMillis: reserved, limits: { cpuMillis } });
        const { shares, quota } = ociSpec(plan, host).linux.resources.cpu;
        expect(shares).toBeGreaterThanOrEqual(2);
        expect(shares).toBeLessThanOrEqual(262_144);
        expect(quota).toBeGreaterThanOrEqual(1_000);
      }),
    );
  });

  test('devices: everything is refused first, then a few are allowed, no block device among them', () => {
    const [first, ...rest] = ociSpec(aPlan(), host).linux.resources.devices;
    expect(first).toEqual({ allow: false, access: 'rwm' });
    expect(rest.every((rule) => rule.allow && rule.type === 'c')).toBe(true);
  });

  test('an init comes first where the plan asks for one and the host has one', () => {
    const withInit = ociSpec(aPlan({ init: true }), { ...host, initPath: '/usr/bin/catatonit' });
    expect(withInit.process.args).toEqual(['/dev/init', '--', '/bin/web', '-v']);
    expect(withInit.mounts).toContainEqual(expect.objectContaining({ source: '/usr/bin/catatonit' }));
    expect(ociSpec(aPlan({ init: true }), host).process.args).toEqual(['/bin/web', '-v']);
  });

  test('an agent protected from the OOM killer does not pass that on', () => {
    expect(ociSpec(aPlan(), { ...host, oomScoreAdj: -900 }).process.oomScoreAdj).toBe(0);
    expect(ociSpec(aPlan(), { ...host, oomScoreAdj: 300 }).process.oomScoreAdj).toBe(300);
  });
});
