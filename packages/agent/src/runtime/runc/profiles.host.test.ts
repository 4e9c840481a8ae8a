import { existsSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import type { ContainerSpec } from '@gantry/model/service';
import { RuntimeRig } from '../../../../../tests/support/runtime-rig.ts';
import type { Runtime } from '../runtime.ts';
import { capabilitiesIn, readHostFacts } from './host-facts.ts';

/** Also run where there is cgroup v2 alone (`npm run test:cgroup2`). */
const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const cgroupMount = v2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory';
let rig: RuntimeRig;
let runtime: Runtime;

beforeAll(async () => (rig = await RuntimeRig.make('profiles')));
afterAll(() => rig.remove());
beforeEach(async () => {
  await rig.open();
  ({ runtime } = rig);
});
afterEach(() => rig.close());

/** `name=value` lines of what a process finds in a container. */
const probe = [
  'field() { grep "^$1:" /proc/self/status | { read -r _ value; echo "$1=$value"; }; }',
  'for f in CapEff CapPrm CapBnd CapInh CapAmb NoNewPrivs Seccomp; do field $f; done',
  'echo "pid1=$(cat /proc/1/comm)"',
  'for n in pid net ipc uts mnt cgroup user; do echo "ns.$n=$(busybox readlink /proc/self/ns/$n)"; done',
  `for m in /proc /dev /dev/pts /dev/shm /dev/mqueue /sys ${cgroupMount}; do`,
  '  echo "mount.$m=$(grep " $m " /proc/self/mounts | busybox head -1 | busybox cut -d" " -f4)"; done',
  'for p in /proc/interrupts /proc/keys /proc/timer_list; do',
  '  [ "$(busybox head -c1 $p 2>/dev/null | busybox wc -c)" = 0 ] && echo "read.$p=no" || echo "read.$p=yes"; done',
  'for p in /proc/sys/kernel/domainname /proc/sys/kernel/panic; do',
  '  ( : > $p ) 2>/dev/null && echo "write.$p=yes" || echo "write.$p=no"; done',
  // runc makes core, a link to the masked /proc/kcore, where the kernel has that.
  'echo "devices=$(ls /dev | grep -v "^core\$" | busybox sort | busybox tr "\\n" " ")"',
  'busybox mknod /tmp/disk-$$ b 259 0 2>/dev/null && echo mknod=yes || echo mknod=no',
  'busybox unshare -n true 2>/dev/null && echo unshare=yes || echo unshare=no',
  'busybox mount -t tmpfs none /tmp 2>/dev/null && echo mounting=yes || echo mounting=no',
  'grep -E "Max (open files|core file size|processes)" /proc/self/limits | busybox tr -s " " | busybox sed "s/^/limit=/"',
  'echo "pids=$(cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max)"',
  'echo "oom=$(cat /proc/self/oom_score_adj)"; echo "umask=$(umask)"; echo "id=$(id -u):$(id -g)"',
  'echo "ping=$(cat /proc/sys/net/ipv4/ping_group_range | busybox tr "\\t" " ")"',
  'echo "fds=$(ls /proc/1/fd | busybox tr "\\n" " ")"',
].join('\n');

interface Found {
  readonly [field: string]: readonly string[];
}

function foundIn(output: string): Found {
  const found: Record<string, string[]> = {};
  for (const [, field = '', value = ''] of output.matchAll(/^([\w./]+)=(.*)$/gm))
    (found[field] ??= []).push(value.trim());
  return found;
}

async function inside(spec: Partial<ContainerSpec>, uid = 0): Promise<Found> {
  const { exit, output } = await rig.runToEnd(
    rig.planOf({ command: ['/bin/sh', '-c', probe], ...spec }, uid),
  );
  expect(exit.exitCode).toBe(0);
  return foundIn(output);
}

function capabilities(found: Found, set: string): readonly string[] {
  return capabilitiesIn(`CapBnd:\t${found[set]?.[0] ?? ''}`).map((name) => name.slice(4));
}

const nine = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
];
/** What every container has of its own, whatever its profile. */
async function expectOwnNamespaces(found: Found): Promise<void> {
  for (const space of ['pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup']) {
    expect(found[`ns.${space}`]).not.toEqual([await readlink(`/proc/self/ns/${space}`)]);
  }
  expect(found['ns.user']).toEqual([await readlink('/proc/self/ns/user')]);
}

const closedDevices = 'fd full init mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero';

describe('from inside', () => {
  test('baseline: nine capabilities, no new privileges, seccomp, nothing of the host, an init', async () => {
    const found = await inside({});
    expect([...capabilities(found, 'CapEff')].sort()).toEqual([...nine].sort());
    expect(found['CapBnd']).toEqual(found['CapEff']);
    expect(found['CapPrm']).toEqual(found['CapEff']);
    await expectOwnNamespaces(found);
    expect(found).toMatchObject({
      CapInh: ['0000000000000000'],
      CapAmb: ['0000000000000000'],
      NoNewPrivs: ['1'],
      Seccomp: ['2'],
      pid1: ['init'],
      'read./proc/interrupts': ['no'],
      'read./proc/keys': ['no'],
      'read./proc/timer_list': ['no'],
      'write./proc/sys/kernel/domainname': ['no'],
      'write./proc/sys/kernel/panic': ['no'],
      mknod: ['no'],
      unshare: ['no'],
      mounting: ['no'],
      devices: [closedDevices],
      pids: ['512'],
      umask: ['0022'],
      id: ['0:0'],
      ping: ['0 2147483647'],
      fds: ['0 1 2'],
    });
    const limits = found['limit'] ?? [];
    expect(limits).toContainEqual(expect.stringMatching(/^Max core file size 0 0/));
    const hard = Number(/open files (\d+) (\d+)/.exec(limits.join('\n'))?.[2]);
    expect(hard).toBeLessThanOrEqual(Math.min(524_288, (await readHostFacts(rig.name)).maxOpenFiles));
    expect(Number(found['oom']?.[0])).toBeGreaterThanOrEqual(0);
    for (const place of ['/proc', '/dev/shm', '/dev/mqueue', '/sys', cgroupMount])
      for (const option of ['nosuid', 'nodev', 'noexec'])
        expect(found[`mount.${place}`]?.[0]).toContain(option);
    expect(found['mount./sys']?.[0]).toMatch(/^ro/);
    expect(found[`mount.${cgroupMount}`]?.[0]).toMatch(/^ro/);
    expect(found['mount./dev/shm']?.[0]).toContain('size=65536k');
  });

  test('restricted: no capability at all, and never root', async () => {
    expect(() => rig.planOf({ command: ['x'], isolation: { profile: 'restricted' } })).toThrow(
      /does not run as root/,
    );
    const found = await inside({ isolation: { profile: 'restricted' } }, 1_000);
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb'])
      expect(found[set]).toEqual(['0000000000000000']);
    await expectOwnNamespaces(found);
    expect(found).toMatchObject({
      NoNewPrivs: ['1'],
      Seccomp: ['2'],
      id: ['1000:1000'],
      devices: [closedDevices],
      mknod: ['no'],
      unshare: ['no'],
      mounting: ['no'],
    });
    const web = await inside({ isolation: { profile: 'restricted' }, capAdd: ['NET_BIND_SERVICE'] }, 1_000);
    expect(capabilities(web, 'CapBnd')).toEqual(['NET_BIND_SERVICE']);
  });

  test('privileged: all that the host can give, still in namespaces of its own', async () => {
    const found = await inside({ isolation: { profile: 'privileged' } });
    const host = await readHostFacts(rig.name);
    const known = new Set(rig.planOf({ command: ['x'], isolation: { profile: 'privileged' } }).capabilities);
    expect(capabilities(found, 'CapEff').map((short) => `CAP_${short}`)).toEqual(
      host.capabilities?.filter((cap) => known.has(cap)),
    );
    await expectOwnNamespaces(found);
    expect(found).toMatchObject({
      NoNewPrivs: ['0'],
      Seccomp: ['0'],
      mknod: ['yes'],
      unshare: ['yes'],
      mounting: ['yes'],
      'read./proc/interrupts': ['yes'],
      'write./proc/sys/kernel/panic': ['yes'],
    });
    expect(found['mount./sys']?.[0]).toMatch(/^rw/);
    expect(found['devices']?.[0]).toContain('loop-control');
    await exec(['sh', '-c', `rm -f ${join(rig.dir, 'rootfs/tmp')}/disk-*`]);
  });

  test('what a service opens is open, and nothing more', async () => {
    const plan = rig.planOf({
      command: [
        '/bin/sh',
        '-c',
        `${probe}; echo "fuse=$(stat -c %t:%T /dev/fuse)"; echo "shm=$(cat /proc/sys/kernel/msgmax)"; echo "name=$(hostname).$(cat /proc/sys/kernel/domainname)"; ( : > /tmp/x ) 2>/dev/null && echo root=rw || echo root=ro; ( : > /run/x ) && grep " /run " /proc/mounts; ulimit -n`,
      ],
      capDrop: ['ALL'],
      capAdd: ['NET_ADMIN'],
      readOnly: true,
      hostname: 'one',
      naming: { domainname: 'example.org' },
      isolation: {
        noNewPrivileges: false,
        sysctls: { 'kernel.msgmax': '4096', 'net.ipv4.ping_group_range': '1 0' },
        devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rw' }],
        oomScoreAdj: 700,
      },
      tuning: {
        shmBytes: 8 << 20,
        ulimits: { nofile: { soft: 500, hard: 1e9 }, nproc: { soft: 100, hard: 100 } },
      },
      limits: { pids: 40 },
      volumes: [
        { kind: 'tmpfs', target: '/run', readOnly: false, exec: false, sizeBytes: 1 << 20, mode: 0o700 },
      ],
    });
    const { output } = await rig.runToEnd(plan);
    const found = foundIn(output);
    expect(capabilities(found, 'CapEff')).toEqual(['NET_ADMIN']);
    expect(found).toMatchObject({
      NoNewPrivs: ['0'],
      Seccomp: ['2'],
      oom: ['700'],
      pids: ['40'],
      ping: ['1 0'],
      fuse: ['a:e5'],
      shm: ['4096'],
      name: ['one.example.org'],
      root: ['ro'],
      mknod: ['no'],
    });
    expect(found['mount./dev/shm']?.[0]).toContain('size=8192k');
    expect(output).toMatch(/ \/run tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700/);
    const facts = await readHostFacts(rig.name);
    expect(found['limit']).toContainEqual(
      expect.stringContaining(`open files 500 ${Math.min(1e9, facts.maxOpenFiles)}`),
    );
    expect(found['limit']).toContainEqual(expect.stringContaining('Max processes 100 100'));
  });

  test('a terminal, and an input that stays open', async () => {
    const withTty = await rig.runToEnd(rig.planOf({ command: ['/bin/sh', '-c', 'tty; id -u'], tty: true }));
    expect(withTty.output).toContain('/dev/pts/0');
    // Without it, cat would end at once.
    const reader = rig.planOf({ command: ['/bin/cat'], stdinOpen: true });
    const { pid } = await runtime.run(reader);
    expect(await readlink(`/proc/${pid}/fd/0`)).toMatch(/^pipe:/);
    expect((await rig.runToEnd(rig.planOf({ command: ['/bin/cat'] }))).exit.exitCode).toBe(0);
    expect((await runtime.list()).get(reader.id)?.state).toBe('running');
  });
});
