import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { TestCluster } from '../support/test-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('containers', { hosts: 1 });
  await cluster.loadHello();
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

async function apply(...lines: readonly string[]): Promise<string> {
  const file = join(cluster.directory, 'compose.yaml');
  await writeFile(file, [...lines, ''].join('\n'));
  return file;
}

/** What the newest task of a service wrote, once it has written the last line. */
async function written(service: string, last: string): Promise<string> {
  return waitFor(
    `${last} in the log of ${service}`,
    async () => {
      const { stdout } = await cluster.gantry('logs', service);
      return stdout.includes(last) ? stdout : undefined;
    },
    15_000,
    100,
  );
}

const script = [
  'echo id=$$(busybox id -u):$$(busybox id -G | busybox tr " " ,)',
  'echo name=$$(hostname).$$(cat /proc/sys/kernel/domainname)',
  'busybox grep -E "^(CapEff|NoNewPrivs)" /proc/self/status | busybox tr -d "\\t"',
  'echo files=$$(ulimit -n) msgmax=$$(cat /proc/sys/kernel/msgmax) oom=$$(cat /proc/self/oom_score_adj)',
  'busybox grep -E " (/dev/shm|/scratch) " /proc/mounts',
  'busybox grep db.local /etc/hosts; cat /etc/resolv.conf',
  '( : > /x ) 2>/dev/null && echo root=rw || echo root=ro',
  'echo run >> /data/runs; echo runs=$$(busybox wc -l < /data/runs)',
  'echo written; exec sleep 1000',
].join('; ');

const many = (command: string, more: readonly string[] = []): readonly string[] => [
  'name: keys',
  'services:',
  '  many:',
  '    image: hello:1',
  '    entrypoint: ["/bin/sh", "-c"]',
  `    command: [${JSON.stringify(command)}]`,
  '    stop_grace_period: 1s',
  '    deploy: { update_config: { monitor: 500ms } }',
  '    init: true',
  '    user: "1000:1000"',
  '    group_add: ["44"]',
  '    hostname: one',
  '    domainname: example.org',
  '    read_only: true',
  '    cap_drop: [ALL]',
  '    sysctls: { kernel.msgmax: 4096 }',
  '    ulimits: { nofile: { soft: 300, hard: 400 } }',
  '    oom_score_adj: 500',
  '    shm_size: 8m',
  '    extra_hosts: ["db.local:10.1.2.3"]',
  '    dns: 9.9.9.9',
  '    tmpfs: ["/scratch:size=1m,mode=700,uid=1000"]',
  '    volumes: ["data:/data"]',
  '    mem_limit: 32m',
  '    cpus: 0.5',
  ...more,
  'volumes:',
  '  data: {}',
];

test('a service that uses many keys finds them all inside, and its volume in its next task', async () => {
  await cluster.ok('apply', '-f', await apply(...many(script)));
  const output = await written('many', 'written');
  for (const line of [
    'id=1000:1000,44',
    'name=one.example.org',
    'CapEff:0000000000000000',
    'NoNewPrivs:1',
    'files=300 msgmax=4096 oom=500',
    'size=8192k',
    'size=1024k,mode=700,uid=1000',
    '10.1.2.3 db.local',
    'nameserver 9.9.9.9',
    'root=ro',
    'runs=1',
  ])
    expect(output).toContain(line);

  const [before] = await cluster.running('many');
  await cluster.ok('apply', '-f', await apply(...many(script.replace('written', 'written again'))));
  expect(await written('many', 'written again')).toContain('runs=2');
  const [after] = await cluster.untilRunning('many', 1);
  expect(after?.id).not.toBe(before?.id);
});

test('another limit reaches the task that runs, which is not replaced', async () => {
  const [before] = await cluster.untilRunning('many', 1);
  const more = ['    x-gantry: { bandwidth: { egress: 90mbit } }'];
  const lines = many(script.replace('written', 'written again'), more).map((line) =>
    line.replace('32m', '48m'),
  );
  await cluster.ok('apply', '-f', await apply(...lines));
  const { cgroupParent, netns } = cluster.local.host('n1');
  const file = `/sys/fs/cgroup/memory/${cgroupParent}/${before?.id ?? ''}/memory.limit_in_bytes`;
  await waitFor(
    'the new limit',
    () =>
      Promise.resolve(
        execFileSync('cat', [file], { encoding: 'utf8' }).trim() === String(48 << 20) || undefined,
      ),
    10_000,
    100,
  );
  const queues = (): string => execFileSync('tc', ['-n', netns, 'qdisc', 'show'], { encoding: 'utf8' });
  await waitFor(
    'the limit of its link',
    () => Promise.resolve(/tbf .* dev gi\w+ root .* rate 90Mbit/.test(queues()) || undefined),
    10_000,
    100,
  );
  expect((await cluster.running('many'))[0]?.id).toBe(before?.id);
});

test('what reaches the host is refused with the flag that would allow it', async () => {
  const service = (name: string, line: string): readonly string[] => [
    `  ${name}:`,
    '    image: hello:1',
    '    restart: "no"',
    `    ${line}`,
  ];
  const file = await apply(
    'name: closed',
    'services:',
    ...service('bind', 'volumes: ["/etc:/host:ro"]'),
    ...service('device', 'devices: [/dev/fuse]'),
    ...service('all', 'privileged: true'),
  );
  await cluster.gantry('apply', '--detach', '-f', file);
  for (const [name, flag] of [
    ['bind', '--allow-bind /etc'],
    ['device', '--allow-device /dev/fuse'],
    ['all', '--allow-privileged'],
  ] as const) {
    await waitFor(
      `the refusal of ${name}`,
      async () => {
        const { stdout } = await cluster.gantry('ps', '--all', '-o', 'json');
        const tasks = JSON.parse(stdout) as { service: string; status?: { state: string; reason: string } }[];
        return (
          tasks.some(
            (task) =>
              task.service === name && task.status?.state === 'rejected' && task.status.reason.includes(flag),
          ) || undefined
        );
      },
      15_000,
      100,
    );
  }
  await cluster.ok('rm', 'closed');
});

interface Copy {
  readonly node: string;
  readonly usedBy: readonly string[];
}

/** The copies of the volume, as `volume ls` shows them. */
async function copies(name: string): Promise<readonly Copy[]> {
  const volumes = JSON.parse(await cluster.ok('volume', 'ls', '-o', 'json')) as {
    name: string;
    copies: Copy[];
  }[];
  return volumes.find((volume) => volume.name === name)?.copies ?? [];
}

test('a volume is listed with its users, is not removed while it is used, and outlives its stack', async () => {
  expect(await copies('keys_data')).toMatchObject([{ node: 'n1', usedBy: ['keys/many.1'] }]);
  const refused = await cluster.gantry('volume', 'rm', 'keys_data');
  expect(refused).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('keys_data on n1: volume keys_data is used by task') as string,
  });
  await cluster.ok('rm', 'keys');
  await cluster.untilNoLeaks();
  expect(await copies('keys_data')).toMatchObject([{ node: 'n1', usedBy: [] }]);
});

test('volumes are made on a host, and those that nothing needs are pruned after a question', async () => {
  await cluster.ok('volume', 'create', 'mine', '--node', 'n1', '--label', 'team=core');
  await waitFor(
    'the new volume',
    async () => ((await copies('mine')).length === 1 ? true : undefined),
    5_000,
    50,
  );
  expect(await cluster.ok('volume', 'inspect', 'mine')).toContain('team: core');
  expect((await cluster.gantry('volume', 'prune')).stderr).toContain('fix: write --yes');
  expect((await cluster.gantry('volume', 'prune', '--dry-run')).stderr).toContain(
    '2 volumes would be removed',
  );
  expect((await cluster.gantry('volume', 'prune', '--yes')).stderr).toContain('2 volumes removed');
  await waitFor(
    'no volumes',
    async () => ((await cluster.gantry('volume', 'ls', '-q')).stdout === '' ? true : undefined),
    5_000,
    50,
  );
});
