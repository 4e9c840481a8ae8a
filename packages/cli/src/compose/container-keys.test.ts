import { describe, expect, test } from 'vitest';
import type { ContainerSpec } from '@gantry/model/service';
import { readCompose, type ComposeResult } from './read.ts';

function read(lines: readonly string[], more: readonly string[] = []): ComposeResult {
  const source = [
    'services:',
    '  web:',
    '    image: nginx:1',
    ...lines.map((line) => `    ${line}`),
    ...more,
    '',
  ];
  return readCompose({
    source: source.join('\n'),
    stack: { fallback: 'shop' },
    variables: {},
    readFile: () => undefined,
    sugar: false,
  });
}

function container(lines: readonly string[], more: readonly string[] = []): Partial<ContainerSpec> {
  const { problems, services } = read(lines, more);
  expect(problems).toEqual([]);
  return services[0]?.container ?? {};
}

function said(lines: readonly string[], more: readonly string[] = []): readonly string[] {
  return read(lines, more).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('what parts a container from its host becomes its isolation', () => {
  const { isolation, tty, stdinOpen } = container([
    'privileged: false',
    'tty: true',
    'stdin_open: true',
    'group_add: [audio, 44]',
    'sysctls: { net.core.somaxconn: 1024 }',
    'devices: ["/dev/fuse", "/dev/snd:/dev/audio:r", "/dev/null:rw", { source: /dev/kvm, permissions: rw }]',
    'security_opt: ["no-new-privileges:false", "seccomp=unconfined", "apparmor:web", "label:disable"]',
    'userns_mode: auto',
    'oom_score_adj: -5',
    'ipc: private',
    'cgroup: private',
    'x-gantry: { profile: baseline }',
  ]);
  expect({ isolation, tty, stdinOpen }).toEqual({
    tty: true,
    stdinOpen: true,
    isolation: {
      profile: 'baseline',
      noNewPrivileges: false,
      seccomp: 'unconfined',
      appArmor: 'web',
      groups: ['audio', '44'],
      sysctls: { 'net.core.somaxconn': '1024' },
      devices: [
        { source: '/dev/fuse', target: '/dev/fuse', permissions: 'rwm' },
        { source: '/dev/snd', target: '/dev/audio', permissions: 'r' },
        { source: '/dev/null', target: '/dev/null', permissions: 'rw' },
        { source: '/dev/kvm', target: '/dev/kvm', permissions: 'rw' },
      ],
      userns: 'auto',
      oomScoreAdj: -5,
    },
  });
  expect(container(['privileged: true']).isolation).toEqual({ profile: 'privileged' });
});

test('limits become its tuning', () => {
  expect(
    container([
      'mem_limit: 64m',
      'memswap_limit: 128m',
      'mem_swappiness: 10',
      'oom_kill_disable: true',
      'cpu_shares: 512',
      'cpuset: "0,1"',
      'shm_size: 128m',
      'ulimits: { nofile: { soft: 1024, hard: 2048 }, core: -1 }',
      'blkio_config:',
      '  weight: 300',
      '  weight_device: [{ path: /dev/sda, weight: 400 }]',
      '  device_read_bps: [{ path: /dev/sda, rate: 12mb }]',
      '  device_write_iops: [{ path: /dev/sda, rate: 30 }]',
      'x-gantry: { bandwidth: { egress: 10mbit, ingress: 1.5gbit/s } }',
    ]).tuning,
  ).toEqual({
    cpuShares: 512,
    cpuset: '0,1',
    memorySwapBytes: 128 << 20,
    swappiness: 10,
    oomKillDisable: true,
    shmBytes: 128 << 20,
    ulimits: { nofile: { soft: 1024, hard: 2048 }, core: { soft: -1, hard: -1 } },
    blkio: {
      weight: 300,
      weightDevices: [{ path: '/dev/sda', rate: 400 }],
      readBps: [{ path: '/dev/sda', rate: 12 << 20 }],
      writeIops: [{ path: '/dev/sda', rate: 30 }],
    },
    bandwidth: { egressBits: 10_000_000, ingressBits: 1_500_000_000 },
  });
});

test('one bandwidth is for both ways', () => {
  expect(container(['x-gantry: { bandwidth: 500kbit }']).tuning).toEqual({
    bandwidth: { egressBits: 500_000, ingressBits: 500_000 },
  });
});

test('names become its naming', () => {
  const naming = {
    domainname: 'example.org',
    extraHosts: [
      { name: 'db', address: '10.0.0.5' },
      { name: 'node', address: 'host-gateway' },
      { name: 'six', address: '::1' },
    ],
    dns: ['9.9.9.9'],
    dnsSearch: ['a.example', 'b.example'],
    dnsOptions: ['ndots:2'],
  };
  const rest = [
    'domainname: example.org',
    'dns: 9.9.9.9',
    'dns_search: [a.example, b.example]',
    'dns_opt: ["ndots:2"]',
  ];
  const list = 'extra_hosts: ["db:10.0.0.5", "node=host-gateway", "six:[::1]"]';
  const map = 'extra_hosts: { db: 10.0.0.5, node: host-gateway, six: "::1" }';
  expect(container([list, ...rest]).naming).toEqual(naming);
  expect(container([map, ...rest]).naming).toEqual(naming);
});

describe('volumes', () => {
  const top = ['volumes:', '  data: { labels: { team: core } }', '  old: { external: true, name: theirs }'];

  test('in the short form: named, of the node, of the task', () => {
    const { volumes, tmpfs } = container(
      [
        'volumes: ["data:/data", "old:/old:ro", "/srv/www:/www:ro", "/scratch"]',
        'tmpfs: ["/run", "/tmp:size=64m,mode=700,exec"]',
      ],
      top,
    );
    expect(tmpfs).toEqual(['/run']);
    expect(volumes).toEqual([
      {
        kind: 'volume',
        source: 'shop_data',
        target: '/data',
        readOnly: false,
        noCopy: false,
        external: false,
        labels: { team: 'core' },
      },
      { kind: 'volume', source: 'theirs', target: '/old', readOnly: true, noCopy: false, external: true },
      { kind: 'bind', source: '/srv/www', target: '/www', readOnly: true, createSource: true },
      { kind: 'volume', target: '/scratch', readOnly: false, noCopy: false, external: false },
      { kind: 'tmpfs', target: '/tmp', readOnly: false, exec: true, sizeBytes: 64 << 20, mode: 0o700 },
    ]);
  });

  test('in the long form', () => {
    const { volumes } = container(
      [
        'volumes:',
        '  - { type: volume, source: data, target: /a, volume: { nocopy: true, subpath: sub/dir } }',
        '  - { type: bind, source: /srv, target: /b, read_only: true, bind: { create_host_path: false } }',
        '  - { type: tmpfs, target: /c, tmpfs: { size: 1048576, mode: 0755 } }',
      ],
      ['volumes: { data: }'],
    );
    expect(volumes).toEqual([
      {
        kind: 'volume',
        source: 'shop_data',
        target: '/a',
        readOnly: false,
        noCopy: true,
        external: false,
        subpath: 'sub/dir',
      },
      { kind: 'bind', source: '/srv', target: '/b', readOnly: true, createSource: false },
      { kind: 'tmpfs', target: '/c', readOnly: false, exec: false, sizeBytes: 1 << 20, mode: 0o755 },
    ]);
  });
});

test.each<[lines: readonly string[], problem: string, more?: readonly string[]]>([
  [['volumes: [data:/data]'], '4:15 volume data is not declared'],
  [['volumes: ["./src:/src"]'], '4:15 "./src" is a path of this machine, and tasks run on the nodes'],
  [['volumes: ["a:b:c:d"]'], '4:15 volume "a:b:c:d" is not understood'],
  [['volumes: ["/data", "/data/"]'], '4:24 /data/ is mounted twice'],
  [
    ['volumes: ["/proc/x"]'],
    '4:15 "/proc/x" must be an absolute path, not / or /dev, and not below /proc or /sys',
  ],
  [['volumes: [{ type: volume, source: a }]'], '4:15 a volume needs a target, the path in the container'],
  [['volumes: [{ type: tmpfs, target: /x, bind: {} }]'], '4:42 bind: is not for a volume of type tmpfs'],
  [
    ['volumes: [{ type: bind, source: /x, target: /x, bind: { propagation: shared } }]'],
    '4:61 propagation is not supported',
  ],
  [
    ['volumes: [{ source: d, target: /x, volume: { subpath: ../x } }]'],
    '4:15 subpath "../x" must be a relative path without ..',
    ['volumes: { d: }'],
  ],
  [['volumes_from: [db]'], '4:5 volumes_from is not supported'],
  [[], '4:25 the volume driver nfs is not supported', ['volumes: { d: { driver: nfs } }']],
  [
    ['sysctls: { kernel.panic: 1 }'],
    '4:5 sysctl kernel.panic belongs to the whole host; a container may set net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*',
  ],
  [['security_opt: ["seccomp:./mine.json"]'], '4:20 a seccomp profile of your own is not supported'],
  [['security_opt: ["no-new-privilege"]'], '4:20 security_opt "no-new-privilege" is not known'],
  [['ipc: host'], '4:10 ipc "host" is not supported'],
  [['userns_mode: keep-id'], '4:18 userns_mode "keep-id" is not known'],
  [['devices: ["nvidia.com/gpu=all"]'], '4:15 device "nvidia.com/gpu=all" is not a path'],
  [
    ['devices: ["/dev/a:/dev/b:x"]'],
    '4:15 "x" is no access to a device: write r, w, m or more of them, e.g. rw',
  ],
  [['ulimits: { nofile: { soft: 5 } }'], '4:16 ulimit nofile needs soft and hard'],
  [
    ['ulimits: { files: 5 }'],
    '4:23 "files" is not a ulimit; known are as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack',
  ],
  [['cpuset: all'], '4:13 "all" does not name processors; write e.g. 0-1 or 0,2'],
  [['memswap_limit: 1g'], '4:20 memswap_limit needs a memory limit beside it'],
  [
    ['oom_kill_disable: true'],
    '4:23 oom_kill_disable without a memory limit would let one container stop the whole host',
  ],
  [['extra_hosts: ["db"]'], '4:19 "db" is not understood'],
  [['dns: resolver'], '4:10 "resolver" is not an address'],
  [['tmpfs: "/run:size=big"'], '4:12 size "big" of tmpfs /run is not understood'],
  [['x-gantry: { bandwidth: { egress: 10MB } }'], '4:38 egress "10MB" is not understood'],
  [['x-gantry: { bandwidth: 5kbit }'], '4:28 bandwidth must be from 8kbit to 1000gbit a second'],
  [['x-gantry: { bandwidth: { up: 1mbit } }'], '4:30 unknown key "up"'],
  [['x-gantry: { profile: open }'], '4:26 profile "open" is not known'],
  [
    ['privileged: true', 'x-gantry: { profile: restricted }'],
    '5:26 the service is privileged, and its profile is restricted',
  ],
  [
    ['security_opt: ["seccomp:unconfined"]', 'x-gantry: { profile: restricted }'],
    '4:5 the profile restricted does not allow every system call; use the profile baseline',
  ],
])('%j is refused where it stands', (lines, problem, more) => {
  expect(said(lines, more)).toEqual([problem]);
});
