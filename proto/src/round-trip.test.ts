import fc from 'fast-check';
import { expect, test } from 'vitest';
import { profiles, type Isolation } from '@gantry/model/isolation';
import type { JobSpec } from '@gantry/model/job';
import type { Tuning } from '@gantry/model/limits';
import type { Naming } from '@gantry/model/naming';
import type { ServiceNetworking } from '@gantry/model/network';
import type { ContentMount } from '@gantry/model/content';
import type { HealthSpec } from '@gantry/model/health';
import type { Placement } from '@gantry/model/placement';
import type { PortSpec, ServiceSpec } from '@gantry/model/service';
import { taskStates, type TaskStatus } from '@gantry/model/task';
import type { UpdatePolicy } from '@gantry/model/update';
import { heldVolumes, type HeldVolumes, type VolumeMount } from '@gantry/model/volume';
import * as fromModel from './from-model.ts';
import * as types from './gen/gantry/v1/types.ts';
import * as wireVolumes from './gen/gantry/v1/volume.ts';
import * as toModel from './to-model.ts';

const text = fc.string({ maxLength: 12 });
const count = fc.nat({ max: 2 ** 40 });
const record = fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), text, { noNullPrototype: true });
const resources = fc.record({ cpuMillis: count, memoryBytes: count, pids: count }, { requiredKeys: [] });

const ports: fc.Arbitrary<PortSpec> = fc.record(
  {
    target: fc.integer({ min: 1, max: 65_535 }),
    published: fc.nat({ max: 65_535 }),
    protocol: fc.constantFrom('tcp', 'udp'),
    mode: fc.constantFrom('ingress', 'host'),
    hostIp: fc.ipV4(),
  },
  { requiredKeys: ['target', 'published', 'protocol', 'mode'] },
);

const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 3 });
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
const port = fc.integer({ min: 1, max: 65_535 });
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

const containers: fc.Arbitrary<ServiceSpec['container']> = fc.record(
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

const placements: fc.Arbitrary<Placement> = fc
  .record({
    devices: fc.dictionary(fc.constantFrom('gpu', 'fpga'), fc.integer({ min: 1, max: 8 })),
    maxPerNode: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    near: fc.array(fc.string()),
    apart: fc.array(fc.string()),
    spread: fc.array(fc.string()),
    prefer: fc.array(fc.record({ constraint: fc.string(), weight: fc.integer({ min: -1_000, max: 1_000 }) })),
    priority: fc.integer({ min: -1_000, max: 1_000 }),
    preempt: fc.constantFrom(undefined, 'takes', 'yields', 'both' as const),
  })
  .map(({ maxPerNode, preempt, ...rest }) => ({
    ...rest,
    ...(maxPerNode !== undefined && { maxPerNode }),
    ...(preempt !== undefined && { preempt }),
  }));

const networkings: fc.Arbitrary<ServiceNetworking> = fc.record({
  networks: fc.array(fc.record({ name: text, aliases: fc.array(text), internal: fc.boolean() })),
  endpointMode: fc.constantFrom('vip', 'dnsrr'),
  affinity: fc.constantFrom('none', 'client'),
  expose: fc.array(fc.record({ port: fc.nat({ max: 65_535 }), protocol: fc.constantFrom('tcp', 'udp') })),
  drainMs: count,
});

const plainSpecs: fc.Arbitrary<ServiceSpec> = fc.record({
  stack: text,
  name: text,
  mode: fc.oneof(
    fc.record({ kind: fc.constant('replicated' as const), replicas: fc.nat({ max: 10_000 }) }),
    fc.record({ kind: fc.constant('global' as const) }),
  ),
  container: containers,
  ports: fc.array(ports),
  restart: fc.record(
    {
      condition: fc.constantFrom('none', 'on-failure', 'any'),
      delayMs: count,
      maxDelayMs: count,
      maxAttempts: fc.nat(),
      windowMs: count,
    },
    { requiredKeys: ['condition', 'delayMs', 'maxDelayMs', 'windowMs'] },
  ),
  constraints: fc.array(text),
  labels: record,
});

const policies: fc.Arbitrary<UpdatePolicy> = fc.record({
  parallelism: fc.nat({ max: 100 }),
  delayMs: count,
  order: fc.constantFrom('auto', 'start-first', 'stop-first'),
  monitorMs: count,
  maxFailureRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  failureAction: fc.constantFrom('rollback', 'pause', 'continue'),
  deadlineMs: count,
});

const jobs: fc.Arbitrary<JobSpec> = fc.record(
  {
    parallelism: fc.nat({ max: 100 }),
    retries: fc.nat({ max: 100 }),
    deadlineMs: count,
    ttlMs: count,
    schedule: text,
    timeZone: text,
    overlap: fc.constantFrom('skip', 'queue', 'replace'),
    missed: fc.constantFrom('run-once', 'skip'),
    group: text,
  },
  { requiredKeys: ['parallelism', 'retries', 'timeZone', 'overlap', 'missed'] },
);

const rollouts: fc.Arbitrary<Partial<ServiceSpec>> = fc.record(
  {
    update: policies,
    rollback: policies,
    job: jobs,
    dependsOn: some(
      fc.record({
        service: text,
        condition: fc.constantFrom(
          'service_started',
          'service_healthy',
          'service_completed_successfully' as const,
        ),
        required: fc.boolean(),
      }),
    ),
    availability: fc.constantFrom('prefer-one', 'prefer-available'),
  },
  { requiredKeys: [] },
);

const specs: fc.Arbitrary<ServiceSpec> = fc
  .tuple(
    plainSpecs,
    fc.option(networkings, { nil: undefined }),
    rollouts,
    fc.option(placements, { nil: undefined }),
  )
  .map(([spec, networking, rollout, placement]) => ({
    ...spec,
    ...rollout,
    ...(networking && { networking }),
    ...(placement && { placement }),
  }));

const statuses: fc.Arbitrary<TaskStatus> = fc.record(
  {
    state: fc.constantFrom(...taskStates),
    at: count,
    reason: text,
    ready: fc.boolean(),
    address: fc.ipV4(),
    pid: fc.nat({ max: 4_000_000 }),
    exitCode: fc.nat({ max: 255 }),
    oom: fc.boolean(),
    health: fc.constantFrom('starting', 'healthy', 'unhealthy'),
  },
  { requiredKeys: ['state', 'at', 'reason', 'ready'] },
);

test('a service spec survives the wire unchanged', () => {
  fc.assert(
    fc.property(specs, (spec) => {
      const bytes = types.ServiceSpec.encode(fromModel.serviceSpec(spec)).finish();
      expect(toModel.serviceSpec(types.ServiceSpec.decode(bytes))).toEqual(spec);
    }),
  );
});

test('a task status survives the wire unchanged', () => {
  fc.assert(
    fc.property(statuses, (status) => {
      const bytes = types.TaskStatus.encode(fromModel.taskStatus(status)).finish();
      expect(toModel.taskStatus(types.TaskStatus.decode(bytes))).toEqual(status);
    }),
  );
});

test('the volumes of a node survive the wire unchanged, and their bound holds there, too', () => {
  const send = (volumes: HeldVolumes): HeldVolumes =>
    toModel.heldVolumes(
      wireVolumes.HeldVolumes.decode(wireVolumes.HeldVolumes.encode(fromModel.heldVolumes(volumes)).finish()),
    );
  const many = Array.from({ length: 1_200 }, (_, index) => ({ name: `v${index}`, createdAt: index }));
  for (const kept of [heldVolumes(many.slice(0, 3)), heldVolumes(many)]) expect(send(kept)).toEqual(kept);
  expect(send({ held: many, leftOut: 5 })).toMatchObject({ held: heldVolumes(many).held, leftOut: 205 });
});

test('an unknown word is refused by name', () => {
  expect(() => toModel.taskStatus({ state: 'dancing', at: 0, reason: '', ready: false })).toThrow(
    /status.state is "dancing"/,
  );
});
