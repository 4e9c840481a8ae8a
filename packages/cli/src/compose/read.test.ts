import { describe, expect, test } from 'vitest';
import { defaultNetworking } from '@gantry/model/network';
import { read, said, web } from '../../../../tests/support/compose.ts';
import { keysOf, keyPolicy } from './keys.ts';

describe('what is honoured', () => {
  test('becomes the spec, whole', () => {
    const source = web(
      'command: ["serve", "--port", "80"]',
      "entrypoint: /bin/run --name 'a b'",
      'environment: { A: 1, B: "yes", C: true }',
      'ports: ["8080:80"]',
      'expose: ["9000"]',
      'working_dir: /srv',
      'user: 1000',
      'hostname: one',
      'labels: ["team=core", "bare"]',
      'stop_signal: SIGINT',
      'stop_grace_period: 1m30s',
      'read_only: true',
      'init: true',
      'cap_add: [NET_ADMIN]',
      'cap_drop: [ALL]',
      'tmpfs: /run',
      'x-note: { anything: goes }',
      'deploy:',
      '  replicas: 3',
      '  labels: { tier: front }',
      '  placement: { constraints: ["node.labels.disk == ssd"] }',
      '  resources:',
      '    limits: { cpus: "0.5", memory: 256M, pids: 64 }',
      '    reservations: { cpus: 0.25, memory: 128MiB }',
      '  restart_policy: { condition: on-failure, delay: 2s, max_attempts: 4, window: 1h }',
    );
    const { problems, notices, services } = read(source);
    expect(problems).toEqual([]);
    expect(notices).toEqual([]);
    expect(services).toEqual([
      {
        stack: 'shop',
        name: 'web',
        mode: { kind: 'replicated', replicas: 3 },
        container: {
          image: 'nginx:1',
          entrypoint: ['/bin/run', '--name', 'a b'],
          command: ['serve', '--port', '80'],
          env: { A: '1', B: 'yes', C: 'true' },
          workingDir: '/srv',
          user: '1000',
          hostname: 'one',
          readOnly: true,
          init: true,
          capAdd: ['NET_ADMIN'],
          capDrop: ['ALL'],
          tmpfs: ['/run'],
          stopSignal: 'SIGINT',
          stopGraceMs: 90_000,
          labels: { team: 'core', bare: '' },
          limits: { cpuMillis: 500, memoryBytes: 256 << 20, pids: 64 },
          reservations: { cpuMillis: 250, memoryBytes: 128 << 20 },
        },
        ports: [{ target: 80, published: 8080, protocol: 'tcp', mode: 'ingress' }],
        networking: { ...defaultNetworking('shop'), expose: [{ port: 9_000, protocol: 'tcp' }] },
        restart: {
          condition: 'on-failure',
          delayMs: 2_000,
          maxDelayMs: 60_000,
          maxAttempts: 4,
          windowMs: 3_600_000,
        },
        constraints: ['node.labels.disk == ssd'],
        labels: { tier: 'front' },
      },
    ]);
  });

  test.each([
    ['restart: "no"', 'none', undefined],
    ['restart: no', 'none', undefined],
    ['restart: always', 'any', undefined],
    ['restart: unless-stopped', 'any', undefined],
    ['restart: on-failure', 'on-failure', undefined],
    ['restart: on-failure:3', 'on-failure', 3],
  ])('%s', (line, condition, maxAttempts) => {
    const restart = read(web(line)).services[0]?.restart;
    expect([restart?.condition, restart?.maxAttempts]).toEqual([condition, maxAttempts]);
  });

  test.each([
    ['mem_limit: 64m', { memoryBytes: 64 << 20 }, {}],
    ['mem_reservation: 64Mi', {}, { memoryBytes: 64 << 20 }],
    ['cpus: 1.5', { cpuMillis: 1_500 }, {}],
    ['pids_limit: 10', { pids: 10 }, {}],
  ])('%s', (line, limits, reservations) => {
    expect(read(web(line)).services[0]?.container).toMatchObject({ limits, reservations });
  });

  test.each([
    ['scale: 4', 4],
    ['deploy: { replicas: 0 }', 0],
    ['deploy: { mode: replicated }', 1],
  ])('%s', (line, replicas) => {
    expect(read(web(line)).services[0]?.mode).toEqual({ kind: 'replicated', replicas });
  });

  test('a global service', () => {
    expect(read(web('deploy: { mode: global }')).services[0]?.mode).toEqual({ kind: 'global' });
  });

  test('the stack is called as --stack says, else as the file says, else as its directory', () => {
    const named = `name: mine\n${web()}`;
    expect(read(named, { stack: { given: 'given', fallback: 'dir' } }).stack).toBe('given');
    expect(read(named).stack).toBe('mine');
    expect(read(web()).stack).toBe('shop');
  });

  test('gantry.yaml has replicas and ranges of resources without deploy', () => {
    const source = web('replicas: 3', 'resources: { cpus: 0.1..0.5, memory: 128M }');
    const [service] = read(source, { sugar: true }).services;
    expect(service?.mode).toEqual({ kind: 'replicated', replicas: 3 });
    expect(service?.container).toMatchObject({
      limits: { cpuMillis: 500, memoryBytes: 128 << 20 },
      reservations: { cpuMillis: 100, memoryBytes: 128 << 20 },
    });
    expect(said(source)).toEqual(['4:5 unknown key "replicas"', '5:5 unknown key "resources"']);
  });
});

describe('ports', () => {
  const ports = (text: string) => {
    const [service] = read(web(`ports: [${text}]`)).services;
    return service?.ports.map(
      ({ hostIp, published, target, protocol, mode }) =>
        `${hostIp === undefined ? '' : `${hostIp}:`}${published}:${target}/${protocol} ${mode}`,
    );
  };

  test.each([
    ['"80"', ['0:80/tcp ingress']],
    ['80', ['0:80/tcp ingress']],
    ['"8080:80"', ['8080:80/tcp ingress']],
    ['22:22', ['22:22/tcp ingress']],
    ['"0.0.0.0:53:53/udp"', ['53:53/udp ingress']],
    ['"127.0.0.1:8080:80"', ['127.0.0.1:8080:80/tcp ingress']],
    ['"127.0.0.1:8080-8081:80-81"', ['127.0.0.1:8080:80/tcp ingress', '127.0.0.1:8081:81/tcp ingress']],
    ['{ target: 80, published: 8080, host_ip: 127.0.0.1 }', ['127.0.0.1:8080:80/tcp ingress']],
    ['{ target: 80, published: 8080, host_ip: "::" }', ['8080:80/tcp ingress']],
    ['"8080-8081:80-81"', ['8080:80/tcp ingress', '8081:81/tcp ingress']],
    ['{ target: 80, published: "8080", mode: host }', ['8080:80/tcp host']],
    ['{ target: 80, published: 8080, protocol: udp }', ['8080:80/udp ingress']],
  ])('%s', (text, expected) => {
    expect(ports(text)).toEqual(expected);
  });

  test.each([
    ['"[::1]:80:80"', '4:13 "[::1]" is not an IPv4 address of a host'],
    ['"127.0.0.300:80:80"', '4:13 "127.0.0.300" is not an IPv4 address of a host'],
    ['"80:http"', '4:13 port "80:http" is not understood'],
    ['"80:80/sctp"', '4:13 port "80:80/sctp": the protocol sctp is not known'],
    ['"80-81:80"', '4:13 port "80-81:80": both ranges must have the same length, at most 1000 ports'],
    [
      '"1-9000:1-9000"',
      '4:13 port "1-9000:1-9000": both ranges must have the same length, at most 1000 ports',
    ],
    ['"70000:80"', '4:13 the published port must be 1 to 65535, or 0 to have one chosen'],
    ['{ published: 80 }', '4:13 a port needs a target, the port in the container'],
    [
      '{ target: 80, published: "8000-8010", mode: host }',
      '4:13 port "8000-8010": both ranges must have the same length, at most 1000 ports',
    ],
    ['"8080:80", "8080:81"', '4:24 port 8080/tcp is published twice'],
    [
      '"8000-8010:80-90", { target: 1, published: 8005, mode: host }',
      '4:32 port 8005/tcp is published twice',
    ],
    ['"8080:80", "127.0.0.1:8080:81"', '4:24 port 8080/tcp is published twice'],
    ['{ target: 80, published: many }', '4:38 published "many" is not a port'],
  ])('refuses %s', (text, expected) => {
    expect(said(web(`ports: [${text}]`))).toEqual([expected]);
  });

  test.each([
    ['TCP and UDP', '"53:53", "53:53/udp"', 2],
    ['two addresses of the hosts', '"127.0.0.1:80:80", "192.0.2.7:80:80"', 2],
    ['a range', '"8000-8010:80-90"', 11],
  ])('%s may be published beside each other', (_, text, count) => {
    expect(ports(text)).toHaveLength(count);
  });

  test('a port after a range is found at its own line', () => {
    const source = web('ports:', '  - "8000-8009:80-89"', '  - "9000:90"');
    expect(read(source).locate('services.web.ports.10')).toMatchObject({ line: 6, column: 9 });
    expect(read(source).locate('services.web.ports.9.published')).toMatchObject({ line: 5, column: 9 });
  });
});

describe('keys', () => {
  // compose-spec's schema, with compose-go's pre_start.
  const spec =
    `annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count
    cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy
    develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose extends
    external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links logging
    mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable
    oom_score_adj pid pids_limit platform ports post_start pre_start pre_stop privileged profiles provider pull_policy
    pull_refresh_after read_only restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period
    stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir`
      .trim()
      .split(/\s+/);

  test('all 93 of the Compose Spec are in the table, and no other', () => {
    expect(spec).toHaveLength(93);
    expect([...keysOf('service')].sort()).toEqual([...spec].sort());
  });

  test('those that are refused say what to do, and nothing of them gets into a spec', () => {
    for (const key of spec) {
      const policy = keyPolicy('service', key);
      if (policy?.kind !== 'refused') continue;
      const [problem, ...more] = read(web(`${key}: 1`)).problems;
      expect(more).toEqual([]);
      expect(problem).toMatchObject({
        line: 4,
        column: 5,
        message: `${key} is not supported${policy.yet ? ' yet' : ''}`,
        hint: policy.instead,
      });
      expect(policy.instead.length).toBeGreaterThan(10);
    }
  });

  test.each([
    ['port: [80]', 'did you mean "ports"?'],
    ['replicas: 3', 'did you mean "deploy.replicas"?'],
    ['env: {}', 'did you mean "environment"?'],
    ['memory: 1G', 'did you mean "deploy.resources.limits.memory"?'],
    ['enviroment: {}', 'did you mean "environment"?'],
    ['imagePullPolicy: Always', 'did you mean "pull_policy"?'],
    ['comand: x', 'did you mean "command"?'],
    ['zzzzzzzz: x', undefined],
    ['constructor: x', undefined],
    ['__proto__: x', undefined],
  ])('unknown %s', (line, hint) => {
    const [problem] = read(web(line)).problems;
    expect(problem?.message).toBe(`unknown key "${line.split(':')[0] ?? ''}"`);
    expect(problem?.hint).toBe(hint);
  });

  test.each([
    ['deploy: { replica: 1 }', '4:15 unknown key "replica"'],
    ['deploy: { update_config: { paralelism: 2 } }', '4:32 unknown key "paralelism"'],
    ['deploy: { resources: { limit: {} } }', '4:28 unknown key "limit"'],
    ['deploy: { resources: { limits: { cpu: 1 } } }', '4:38 unknown key "cpu"'],
    [
      'deploy: { resources: { reservations: { devices: [{ capabilities: [gpu], count: all }] } } }',
      '4:84 hosts have different numbers of devices',
    ],
    ['deploy: { restart_policy: { attempts: 1 } }', '4:33 unknown key "attempts"'],
    ['deploy: { placement: { preferences: [{}] } }', '4:42 a preference names what to spread over'],
    ['x-gantry: { placement: { near: db } }', '4:36 near must be a list'],
    ['x-gantry: { placement: { priority: high } }', '4:40 priority "high" is not understood'],
    ['deploy: { mode: replicated-jobs }', '4:21 deploy.mode "replicated-jobs" is not known'],
    [
      'deploy: { mode: global, replicas: 2 }',
      '4:39 a global service has one task on every host, and no replicas',
    ],
    ['deploy: 3', '4:13 deploy must be a map, not one value'],
    ['environment: A', '4:18 environment must be a map, or a list of NAME=value'],
    ['restart: sometimes', '4:14 restart "sometimes" is not known'],
    ['stop_grace_period: 10', '4:24 stop_grace_period "10" is not understood'],
    ['mem_limit: lots', '4:16 memory "lots" is not understood'],
    ['cpus: 0', '4:11 cpus "0" is not understood'],
    ['read_only: yes', '4:16 read_only must be true or false'],
    ['command: "a \'b"', '4:14 command has a quote that is not closed'],
    ['expose: ["http"]', '4:14 "http" is not a port'],
    ['cap_add: [net_admin]', '4:5 "net_admin" is not a capability, e.g. NET_BIND_SERVICE'],
    ['env_file: missing.env', '4:15 env_file missing.env cannot be read'],
    ['working_dir: srv', '4:18 the working directory must be an absolute path, and not below /proc or /sys'],
  ])('%s is refused where it stands', (line, expected) => {
    expect(said(web(line))).toEqual([expected]);
  });

  test.each([
    [
      'container_name: x',
      '4:5 container_name: containers are named by their service and slot; the name becomes one of the service',
    ],
    ['annotations: { a: b }', '4:5 annotations: they become labels of the container'],
    ['ipc: shareable', '4:10 ipc shareable: no other container can share it; it is private'],
    ['command: echo $NOBODY', '4:14 variable NOBODY is not set; it is taken as empty'],
  ])('%s is honoured with a notice', (line, expected) => {
    const { problems, notices } = read(web(line));
    expect(problems).toEqual([]);
    expect(notices.map(({ line: at, column, message }) => `${at}:${column} ${message}`)).toEqual([expected]);
  });
});
