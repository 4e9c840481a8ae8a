import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TaskAssignment } from '@gantry/model/assignment';
import { defaultNetworking } from '@gantry/model/network';
import type { ContainerSpec } from '@gantry/model/service';
import type { ImageConfig } from '../images/images.ts';
import { containerCapabilities, defaultCapabilities } from './capabilities.ts';
import { containerPlan, defaultPath, type ContainerPlanInput } from './container-plan.ts';

function planOf(container: Partial<ContainerSpec> = {}, image: Partial<ImageConfig> = {}, slot = 2) {
  return containerPlan(inputOf(container, image, slot));
}

function inputOf(
  container: Partial<ContainerSpec>,
  image: Partial<ImageConfig>,
  slot: number,
): ContainerPlanInput {
  return {
    task: aTask(container, slot),
    image: {
      entrypoint: ['/entry'],
      command: ['serve'],
      env: [],
      workingDir: '',
      user: '',
      exposedPorts: [],
      ...image,
    },
    rootfs: '/r',
    netns: '/n',
    user: { uid: 0, gid: 0, additionalGids: [] },
    files: { resolvConf: '/f/resolv.conf', hosts: '/f/hosts', hostname: '/f/hostname' },
  };
}

function aTask(container: Partial<ContainerSpec>, slot: number): TaskAssignment {
  return {
    taskId: 'task00000001',
    serviceId: 'service00001',
    revisionId: 'revision0001',
    stack: 'shop',
    service: 'web',
    slot,
    desired: 'running',
    container: {
      image: 'web:1',
      env: {},
      readOnly: false,
      capAdd: [],
      capDrop: [],
      tmpfs: [],
      stopGraceMs: 1_000,
      labels: {},
      limits: {},
      reservations: {},
      ...container,
    },
    image: { ref: 'web:1', digest: 'sha256:0', source: 'loaded' },
    hostPorts: [],
    networking: defaultNetworking('shop'),
  };
}

describe('an init', () => {
  const initOf = (container: Partial<ContainerSpec>): boolean => planOf(container).init;

  test('is process 1 by default, and not where the service says so', () => {
    expect(initOf({})).toBe(true);
    expect(initOf({ init: false })).toBe(false);
  });

  test.each([
    '/sbin/init',
    '/init',
    '/lib/systemd/systemd',
    'tini',
    '/usr/bin/dumb-init',
    '/package/admin/s6/s6-svscan',
  ])('is not put before one: %s', (program) => {
    expect(initOf({ entrypoint: [program] })).toBe(false);
    expect(initOf({ entrypoint: [program], init: true })).toBe(true);
  });

  test('is put before programs that only sound like one', () => {
    for (const program of ['/bin/initdb', '/app/init.sh', '/usr/bin/systemd-run', 'sh'])
      expect(initOf({ entrypoint: [program] })).toBe(true);
  });
});

describe('what a container runs', () => {
  test.each<[string, Partial<ContainerSpec>, readonly string[]]>([
    ['the image alone', {}, ['/entry', 'serve']],
    ['a command replaces the CMD', { command: ['check'] }, ['/entry', 'check']],
    ['an entrypoint drops the CMD too', { entrypoint: ['/mine'] }, ['/mine']],
    ['both replace both', { entrypoint: ['/mine'], command: ['x'] }, ['/mine', 'x']],
    ['an empty entrypoint leaves the command', { entrypoint: [], command: ['/bin/x'] }, ['/bin/x']],
  ])('%s', (_name, container, argv) => expect(planOf(container).argv).toEqual(argv));

  test('an image without a command is refused in words', () => {
    expect(() => planOf({}, { entrypoint: [], command: [] })).toThrow('web:1 does not say what to run');
  });
});

describe('the environment', () => {
  const envOf = (...args: Parameters<typeof planOf>) => planOf(...args).env;

  test('has PATH, HOSTNAME and HOME when nobody sets them', () => {
    expect(envOf()).toEqual([`PATH=${defaultPath}`, 'HOSTNAME=web-2', 'HOME=/root']);
  });

  test('the service wins over the image, the image over the defaults', () => {
    const env = envOf({ env: { A: 'service', B: '' } }, { env: ['A=image', 'PATH=/bin', 'C=x=y', 'BARE'] });
    expect(env).toEqual(expect.arrayContaining(['A=service', 'B=', 'PATH=/bin', 'C=x=y', 'BARE=']));
    expect(env.filter((line) => line.startsWith('A='))).toHaveLength(1);
  });

  test('names each variable once, whatever is merged', () => {
    const names = fc.string({ minLength: 1 }).filter((name) => !name.includes('='));
    fc.assert(
      fc.property(fc.array(names), fc.dictionary(names, fc.string()), (image, env) => {
        const keys = envOf({ env }, { env: image.map((name) => `${name}=i`) }).map(
          (line) => line.split('=')[0],
        );
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });
});

test('a container is called by its service and slot unless the user names it', () => {
  expect(planOf().hostname).toBe('web-2');
  expect(planOf({}, {}, 0).hostname).toBe('web');
  expect(planOf({ hostname: 'db' }).hostname).toBe('db');
});

test('the working directory is the service’s, else the image’s, else the root', () => {
  expect([planOf({ workingDir: '/a' }).cwd, planOf({}, { workingDir: '/b' }).cwd, planOf().cwd]).toEqual([
    '/a',
    '/b',
    '/',
  ]);
});

test('a container has a limit of processes even if nobody asks for one', () => {
  expect(planOf().limits.pids).toBe(512);
  expect(planOf({ limits: { pids: 9, memoryBytes: 5 } }).limits).toEqual({ pids: 9, memoryBytes: 5 });
});

test('a CPU reservation becomes the container’s weight', () => {
  expect(planOf({ reservations: { cpuMillis: 250 } }).cpuReservationMillis).toBe(250);
});

test('configs and secrets are files by themselves that nothing can change or run, in what is mounted above them', () => {
  const file = { kind: 'secret', source: 'db', number: 1, uid: 0, gid: 0, mode: 0o400 } as const;
  const contents = [{ ...file, target: '/run/secrets/db' }];
  const task = aTask({ tmpfs: ['/run'], contents }, 1);
  const sources = new Map([['/run/secrets/db', '/c/0']]);
  const { mounts } = containerPlan({ ...inputOf({}, {}, 1), task, sources });
  expect(mounts.slice(0, 2)).toEqual([
    { kind: 'tmpfs', target: '/run' },
    { kind: 'bind', source: '/c/0', target: '/run/secrets/db', readOnly: true, noExec: true },
  ]);
});

test('names and resolvers come from our files, read-only, and after the tmpfs they may lie in', () => {
  const mounts = planOf({ tmpfs: ['/run'] }).mounts;
  expect(mounts.map((mount) => mount.target)).toEqual([
    '/run',
    '/etc/resolv.conf',
    '/etc/hosts',
    '/etc/hostname',
  ]);
  expect(mounts.every((mount) => mount.kind === 'tmpfs' || mount.readOnly)).toBe(true);
});

describe('capabilities', () => {
  test.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ['by default the nine', [], [], defaultCapabilities],
    ['ALL dropped leaves none', [], ['ALL'], []],
    ['ALL dropped and one added leaves that one', ['net_bind_service'], ['ALL'], ['CAP_NET_BIND_SERVICE']],
    ['one dropped', [], ['CAP_CHOWN'], defaultCapabilities.filter((name) => name !== 'CAP_CHOWN')],
    ['one added', ['NET_ADMIN'], [], [...defaultCapabilities, 'CAP_NET_ADMIN']],
    ['adding what is there changes nothing', ['KILL'], [], defaultCapabilities],
  ])('%s', (_name, add, drop, wanted) => expect(containerCapabilities(add, drop)).toEqual(wanted));

  test('ALL added gives every one, less those dropped', () => {
    const all = containerCapabilities(['ALL'], ['SYS_ADMIN']);
    expect(all).toContain('CAP_NET_RAW');
    expect(all).not.toContain('CAP_SYS_ADMIN');
    expect(all).not.toContain('CAP_ALL');
  });
});
