import fc from 'fast-check';
import type { JobSpec } from '@gantry/model/job';
import type { ServiceNetworking } from '@gantry/model/network';
import type { Placement } from '@gantry/model/placement';
import type { ServiceSpec } from '@gantry/model/service';
import { taskStates, type TaskStatus } from '@gantry/model/task';
import type { UpdatePolicy } from '@gantry/model/update';
import { text, count, record, ports, some, containers } from './random-containers.ts';

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

export const specs: fc.Arbitrary<ServiceSpec> = fc
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

export const statuses: fc.Arbitrary<TaskStatus> = fc.record(
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
