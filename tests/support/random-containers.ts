import fc from 'fast-check';
import { profiles, type Isolation } from '@gantry/model/isolation';
import type { Tuning } from '@gantry/model/limits';
import type { Naming } from '@gantry/model/naming';
import type { ContentMount } from '@gantry/model/content';
import type { HealthSpec } from '@gantry/model/health';
import type { PortSpec, ServiceSpec } from '@gantry/model/service';
import { type VolumeMount } from '@gantry/model/volume';

export const text = fc.string({ maxLength: 12 });
export const count = fc.nat({ max: 2 ** 40 });
export const record = fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), text, { noNullPrototype: true });
const resources = fc.record({ cpuMillis: count, memoryBytes: count, pids: count }, { requiredKeys: [] });

export const ports: fc.Arbitrary<PortSpec> = fc.record(
  {
    target: fc.integer({ min: 1, max: 65_535 }),
    published: fc.nat({ max: 65_535 }),
    protocol: fc.constantFrom('tcp', 'udp'),
    mode: fc.constantFrom('ingress', 'host'),
    hostIp: fc.ipV4(),
  },
  { requiredKeys: ['target', 'published', 'protocol', 'mode'] },
);

export const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(one, { minLength: 1, maxLength: 3 });
const named = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), one, { minKeys: 1, maxKeys: 3, noNullPrototype: true });
const rates = some(fc.record({ path: text, rate: count }));

const isolation: fc.Arbitrary<Isolation> = fc.record(
  {
    profile: fc.constantFrom(...profiles),
    noNewPrivileges: fc.boolean(),
    seccomp: fc.constant('unconfined'),
    systemPaths: fc.constant('unconfined'),
    appArmor: text,
    groups: some(text),
    sysctls: named(text),
    devices: some(fc.record({ source: text, target: text, permissions: text })),
    userns: fc.constant('auto'),
    oomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
  },
  { requiredKeys: [] },
);

const tuning: fc.Arbitrary<Tuning> = fc.record(
  {
    cpuShares: count,
    cpuset: text,
    memorySwapBytes: fc.oneof(count, fc.constant(-1)),
    swappiness: fc.nat({ max: 100 }),
    oomKillDisable: fc.boolean(),
    shmBytes: count,
    ulimits: named(fc.record({ soft: fc.integer({ min: -1 }), hard: fc.integer({ min: -1 }) })),
    blkio: fc.record(
      {
        weight: fc.nat({ max: 1000 }),
        weightDevices: rates,
        readBps: rates,
        writeBps: rates,
        readIops: rates,
        writeIops: rates,
      },
      { requiredKeys: [] },
    ),
    bandwidth: fc.record({ egressBits: count, ingressBits: count }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

const naming: fc.Arbitrary<Naming> = fc.record(
  {
    domainname: text,
    extraHosts: some(fc.record({ name: text, address: text })),
    dns: some(text),
    dnsSearch: some(text),
    dnsOptions: some(text),
  },
  { requiredKeys: [] },
);

const mounts: fc.Arbitrary<VolumeMount> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('volume' as const),
      source: text,
      target: text,
      readOnly: fc.boolean(),
      subpath: text,
      noCopy: fc.boolean(),
      external: fc.boolean(),
      labels: named(text),
    },
    { requiredKeys: ['kind', 'target', 'readOnly', 'noCopy', 'external'] },
  ),
  fc.record(
    {
      kind: fc.constant('bind' as const),
      source: text,
      target: text,
      readOnly: fc.boolean(),
      subpath: text,
      createSource: fc.boolean(),
    },
    { requiredKeys: ['kind', 'source', 'target', 'readOnly', 'createSource'] },
  ),
  fc.record(
    {
      kind: fc.constant('tmpfs' as const),
      target: text,
      readOnly: fc.boolean(),
      sizeBytes: count,
      mode: fc.nat({ max: 0o7777 }),
      uid: fc.nat(),
      gid: fc.nat(),
      exec: fc.boolean(),
    },
    { requiredKeys: ['kind', 'target', 'readOnly', 'exec'] },
  ),
);
const contents: fc.Arbitrary<ContentMount> = fc.record(
  {
    kind: fc.constantFrom('config', 'secret'),
    source: text,
    number: fc.nat(),
    target: text,
    uid: fc.nat(),
    gid: fc.nat(),
    mode: fc.nat({ max: 0o777 }),
  },
  { requiredKeys: ['kind', 'source', 'target', 'uid', 'gid', 'mode'] },
);
const times = fc.record(
  { intervalMs: count, timeoutMs: count, retries: fc.nat(), startPeriodMs: count, startIntervalMs: count },
  { requiredKeys: [] },
);
export const port = fc.integer({ min: 1, max: 65_535 });
const probe: fc.Arbitrary<NonNullable<HealthSpec['probe']>> = fc.oneof(
  fc.record({ kind: fc.constant('off' as const) }),
  fc.record({ kind: fc.constant('command' as const), argv: fc.array(text) }),
  fc.record({ kind: fc.constant('shell' as const), line: text }),
  fc.record({ kind: fc.constant('http' as const), port, path: text }),
  fc.record({ kind: fc.constant('tcp' as const), port }),
  fc.record({ kind: fc.constant('grpc' as const), port, service: text }),
);
const health: fc.Arbitrary<HealthSpec> = fc
  .tuple(times, fc.option(probe, { nil: undefined }))
  .map(([rest, one]) => ({ ...rest, ...(one && { probe: one }) }));

export const containers: fc.Arbitrary<ServiceSpec['container']> = fc.record(
  {
    image: text,
    entrypoint: fc.array(text),
    command: fc.array(text),
    env: record,
    workingDir: text,
    user: text,
    hostname: text,
    readOnly: fc.boolean(),
    init: fc.boolean(),
    capAdd: fc.array(text),
    capDrop: fc.array(text),
    tmpfs: fc.array(text),
    stopSignal: text,
    stopGraceMs: count,
    labels: record,
    limits: resources,
    reservations: resources,
    tty: fc.boolean(),
    stdinOpen: fc.boolean(),
    isolation,
    tuning,
    naming,
    volumes: fc.array(mounts, { minLength: 1 }),
    contents: fc.array(contents, { minLength: 1 }),
    health,
    logging: fc.record({ maxBytes: count, maxFiles: fc.nat() }),
  },
  {
    requiredKeys: [
      'image', 'env', 'readOnly', 'capAdd', 'capDrop', 'tmpfs', 'stopGraceMs', 'labels', 'limits', 'reservations',
    ], // prettier-ignore
  },
);
