import fc from 'fast-check';
import type { Dependency } from '@gantry/model/dependency';
import type { Node } from '@gantry/model/node';
import type { AnyObject } from '@gantry/model/objects';
import { defaultPlacement } from '@gantry/model/placement';
import type { Revision, Service, ServiceSpec, SpecSettings } from '@gantry/model/service';
import { isTerminal, taskStates, type Task } from '@gantry/model/task';
import type { UpdatePolicy, UpdateStatus } from '@gantry/model/update';
import type { NamedVolumeMount } from '@gantry/model/volume';
import { aContainer, aNode, aRevision, aService, aSpec, aTask, noon } from './builders.ts';
import { jobOf } from './random-jobs.ts';
import { moment } from './random-moments.ts';
import { secret, secrets } from './random-secrets.ts';

/** Random clusters: a few nodes, services and revisions with few ids, so that things meet. */
export type Cluster = readonly AnyObject[];

const nodeIds = ['n1', 'n2', 'n3', 'n4'];
const serviceIds = ['s1', 's2', 's3'];
function nodeOf(id: string, index: number): fc.Arbitrary<Node> {
  return fc
    .record({
      state: fc.constantFrom('ready', 'ready', 'unknown', 'down' as const),
      availability: fc.constantFrom('active', 'active', 'pause', 'drain' as const),
      silent: fc.option(fc.constantFrom(noon - 60_000, noon - 2_000), { nil: undefined }),
      hasSubnet: fc.boolean(),
      disk: fc.constantFrom('ssd', 'hdd'),
      cpuMillis: fc.constantFrom(1_000, 4_000),
      data: fc.constantFrom(undefined, undefined, 'data', 'other'),
      full: fc.constantFrom(false, false, false, true),
      unheard: fc.constantFrom(undefined, 10_000, 100_000),
    })
    .map(({ state, availability, silent, hasSubnet, disk, cpuMillis, data, full, unheard }) => {
      const { subnet: _subnet, ...node } = aNode({ id, name: id, state, availability, labels: { disk } });
      return {
        ...node,
        description: { ...node.description, cpuMillis },
        ...(silent !== undefined && { silentSince: silent }),
        ...(data !== undefined && { volumes: { held: [{ name: data, createdAt: 0 }], leftOut: 0 } }),
        ...(full && { pressure: '97 % of the disk is used' }),
        ...(silent !== undefined && unheard !== undefined && { unheardMs: unheard }),
        ...(hasSubnet && { subnet: `10.210.${index + 1}.0/24` }),
      };
    });
}

const data: NamedVolumeMount = {
  kind: 'volume',
  source: 'data',
  target: '/data',
  readOnly: false,
  noCopy: false,
  external: false,
};

function revisionsOf(serviceId: string): fc.Arbitrary<readonly Revision[]> {
  const one = (number: number): fc.Arbitrary<Revision> =>
    fc
      .record({
        cpuMillis: fc.constantFrom(0, 500, 3_000),
        ssd: fc.boolean(),
        port: fc.boolean(),
        data: fc.constantFrom(false, false, true),
        one: fc.constantFrom(false, false, true),
        secret: fc.constantFrom(undefined, undefined, 1, 2, 3),
      })
      .map((pick) =>
        aRevision({
          id: `${serviceId}-r${number}`,
          serviceId,
          number,
          container: aContainer({
            ...(pick.cpuMillis > 0 && { reservations: { cpuMillis: pick.cpuMillis } }),
            ...(pick.data && { volumes: [data] }),
            ...(pick.secret !== undefined && { contents: [{ ...secret, number: pick.secret }] }),
          }),
          ...(pick.one && { settings: { ...settingsOf(aSpec()), availability: 'prefer-one' } }),
          constraints: pick.ssd ? ['node.labels.disk==ssd'] : [],
          ports: pick.port ? [{ target: 80, published: 8080, protocol: 'tcp', mode: 'host' }] : [],
        }),
      );
  return fc.tuple(one(1), one(2));
}

function settingsOf({
  container: _container,
  ports: _ports,
  constraints: _rules,
  ...rest
}: ServiceSpec): SpecSettings {
  return rest;
}

const policy: fc.Arbitrary<UpdatePolicy> = fc.record({
  parallelism: fc.nat({ max: 3 }),
  delayMs: fc.constantFrom(0, 10_000),
  order: fc.constantFrom('auto', 'start-first', 'stop-first'),
  monitorMs: fc.constantFrom(0, 5_000, 60_000),
  maxFailureRatio: fc.constantFrom(0, 0.5),
  failureAction: fc.constantFrom('rollback', 'pause', 'continue'),
  deadlineMs: fc.constantFrom(5_000, 600_000),
});

function dependencyOf(id: string): fc.Arbitrary<Dependency> {
  return fc.record({
    service: fc.constantFrom(...serviceIds.filter((other) => other !== id)),
    condition: fc.constantFrom('service_started', 'service_healthy', 'service_completed_successfully'),
    required: fc.boolean(),
  });
}

/** An update at any point of its way. */
function updateOf(id: string): fc.Arbitrary<UpdateStatus> {
  return fc
    .record({
      state: fc.constantFrom('rolling', 'rolling', 'paused', 'done' as const),
      to: fc.constantFrom('r1', 'r2'),
      stable: fc.option(fc.constantFrom('r1', 'r2'), { nil: undefined }),
      back: fc.boolean(),
      at: moment,
      baseline: fc.nat({ max: 4 }),
      failed: fc.subarray(['1', '2']),
    })
    .map(({ stable, to, at, ...rest }) => ({
      ...rest,
      to: `${id}-${to}`,
      ...(stable !== undefined && { stable: `${id}-${stable}` }),
      startedAt: at,
      at,
      reason: 'by chance',
    }));
}

function serviceOf(id: string): fc.Arbitrary<Service> {
  return fc
    .record({
      replicas: fc.nat({ max: 4 }),
      global: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
      revision: fc.constantFrom('r1', 'r2'),
      removing: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      condition: fc.constantFrom('any', 'any', 'on-failure', 'none' as const),
      hostPort: fc.boolean(),
      vip: fc.option(fc.constantFrom('10.211.0.1', '10.211.0.9'), { nil: undefined }),
      published: fc.constantFrom(0, 8080, 8081, 30_000),
      had: fc.option(fc.constantFrom(0, 30_000, 30_001), { nil: undefined }),
      failures: fc.nat({ max: 9 }),
      failedAt: moment,
      failedTask: fc.nat({ max: 9 }),
      update: fc.option(updateOf(id), { nil: undefined }),
      policy: fc.option(policy, { nil: undefined }),
      job: fc.option(jobOf(id), { nil: undefined, freq: 2 }),
      dependsOn: fc.option(dependencyOf(id), { nil: undefined }),
      priority: fc.nat({ max: 2 }),
      preempt: fc.constantFrom(undefined, undefined, 'takes', 'yields', 'both' as const),
      hold: fc.option(fc.record({ paused: fc.boolean(), at: moment }), { nil: undefined }),
    })
    .map((pick) => {
      const port = {
        target: 80,
        published: pick.hostPort ? 8080 : pick.published,
        protocol: 'tcp',
        mode: pick.hostPort ? 'host' : 'ingress',
      } as const;
      const spec = aSpec({
        name: id,
        mode: pick.global ? { kind: 'global' } : { kind: 'replicated', replicas: pick.replicas },
        restart: { condition: pick.condition, delayMs: 1_000, maxDelayMs: 60_000, windowMs: 600_000 },
        ports: [port],
        ...(pick.policy && { update: pick.policy }),
        ...(pick.job && { job: pick.job[0] }),
        ...(pick.dependsOn && { dependsOn: [pick.dependsOn] }),
        ...(pick.preempt && {
          placement: { ...defaultPlacement, priority: pick.priority, preempt: pick.preempt },
        }),
      });
      const revisionId = `${id}-${pick.revision}`;
      const failed = {
        count: pick.failures,
        lastAt: pick.failedAt,
        lastTask: `t${pick.failedTask}`,
        revisionId,
      };
      const service = aService({
        id,
        spec,
        revisionId,
        removing: pick.removing,
        restarts: pick.failures > 0 ? { '1': failed } : {},
      });
      return {
        ...service,
        ...(pick.update && { update: pick.update }),
        ...(pick.job?.[1] && { job: pick.job[1] }),
        ...(pick.hold && { hold: pick.hold }),
        // Two services never share a virtual address or a given port to begin with.
        ...(pick.vip !== undefined && { vip: `${pick.vip}${id.slice(1)}` }),
        ...(pick.had !== undefined && {
          publishedPorts: [{ ...port, published: pick.had === 0 ? 0 : pick.had + 10 * Number(id.slice(1)) }],
        }),
      };
    });
}

function taskOf(id: string): fc.Arbitrary<Task> {
  return fc
    .record({
      serviceId: fc.constantFrom(...serviceIds),
      slot: fc.nat({ max: 5 }),
      revision: fc.constantFrom('r1', 'r2'),
      desired: fc.constantFrom('running', 'running', 'running', 'shutdown', 'remove' as const),
      state: fc.constantFrom(...taskStates),
      node: fc.constantFrom(...nodeIds, 'gone'),
      ready: fc.boolean(),
      createdAt: moment,
      readySince: fc.option(moment, { nil: undefined }),
      run: fc.constantFrom(undefined, 1, 2),
      makesWay: fc.constantFrom(undefined, undefined, undefined, 'made way for another'),
    })
    .map(
      ({ serviceId, slot, revision, desired, state, node, ready, createdAt, readySince, run, makesWay }) => {
        const placed = !['new', 'pending'].includes(state) || slot === 0;
        return aTask({
          id,
          serviceId,
          slot,
          revisionId: `${serviceId}-${revision}`,
          desired,
          ...(readySince !== undefined && { readySince }),
          ...(run !== undefined && { run }),
          ...(makesWay !== undefined && { makesWay }),
          ...(placed ? { nodeId: node } : ready ? { only: node } : {}),
          status: {
            state: placed && ['new', 'pending'].includes(state) ? 'assigned' : state,
            at: createdAt,
            reason: 'by chance',
            ready: ready && state === 'running' && !isTerminal(state),
          },
          createdAt,
        });
      },
    );
}

export const clusters: fc.Arbitrary<Cluster> = fc
  .tuple(
    fc.subarray(nodeIds).chain((ids) => fc.tuple(...ids.map((id) => nodeOf(id, nodeIds.indexOf(id))))),
    fc.subarray(serviceIds).chain((ids) => fc.tuple(...ids.map(serviceOf))),
    fc.tuple(...serviceIds.map(revisionsOf)),
    fc
      .nat({ max: 10 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => taskOf(`t${index}`)))),
    secrets,
  )
  .map(([nodes, services, revisions, tasks, versions]) => [
    ...nodes,
    ...services,
    ...revisions.flat(),
    ...tasks,
    ...versions,
  ]);
