import type { Reconciler } from '@gantry/controller/reconcilers/reconciler';
import type { Logger } from '@gantry/kit/log';
import type { ContentMount } from '@gantry/model/content';
import { defaultRestart, defaultStopGraceMs, type Service, type ServiceSpec } from '@gantry/model/service';
import { defaultPlacement } from '@gantry/model/placement';
import { targetRevision } from '@gantry/model/update';
import type { NamedVolumeMount } from '@gantry/model/volume';
import { behaviours } from './behaviour.ts';
import { SimCluster } from './cluster.ts';
import type { Protection } from './controller.ts';
import type { Event, History } from './history.ts';
import type { SimHost } from './host.ts';

export interface PlayOptions {
  readonly reconcilers?: readonly Reconciler[];
  readonly without?: readonly Protection[];
  readonly log?: Logger;
  /** Keeps a line of everything that happens. */
  readonly tell?: boolean;
}

/** How a history went: `broken` says which promise was not kept. */
export interface Outcome {
  readonly broken?: string;
  readonly story: readonly string[];
  /** Virtual ms that passed. */
  readonly lasted: number;
}

/** After the last fault is healed a cluster must come to rest within this, ms: back-offs go up to a minute, pulls to two. */
const peaceMs = 300_000;

/** Plays a history to its end, heals everything, and looks whether the cluster is what was asked for. */
export async function play(history: History, options: PlayOptions = {}): Promise<Outcome> {
  const cluster = new SimCluster({
    ...history,
    ...options,
    faults: { lostAnswers: 0.01, watchLag: 0, doubles: 0.01, full: 0.05 },
  });
  cluster.watch.tell = options.tell ?? false;
  try {
    cluster.start();
    for (const { wait, event } of history.steps) {
      await cluster.pass(wait);
      cluster.watch.note(`-- ${JSON.stringify(event)}`);
      happen(cluster, event);
    }
    await peace(cluster);
    return outcome(cluster);
  } catch (error) {
    return { ...outcome(cluster), broken: error instanceof Error ? error.message : String(error) };
  }
}

function outcome(cluster: SimCluster): Outcome {
  return { story: cluster.watch.story, lasted: cluster.world.age() };
}

/** Every fault ends, every host takes tasks, every service serves: then all must be as it is asked for. */
async function peace(cluster: SimCluster): Promise<void> {
  cluster.watch.note('-- peace');
  Object.assign(cluster.faults, { lostAnswers: 0, watchLag: 0, doubles: 0, full: 0 });
  cluster.wire.healAll();
  for (const controller of cluster.controllers) controller.start();
  for (const host of cluster.hosts) {
    host.full = false;
    host.powerOn();
    host.startAgent();
  }
  await cluster.until(() => cluster.leader() !== undefined, 60_000);
  await cluster.until(
    () => {
      // A request of before may still come through, seconds later.
      const closed = closedHosts(cluster);
      for (const host of closed) cluster.setAvailability(host, 'active');
      const restless = restlessSpecs(cluster);
      for (const spec of restless) cluster.apply(spec.stack, [peaceful(spec)]);
      const held = heldServices(cluster);
      if (held.length > 0) cluster.ask('hold', { names: held, paused: false });
      return closed.length + restless.length + held.length === 0 && cluster.watch.notAsWanted().length === 0;
    },
    peaceMs,
    1_000,
  );
  cluster.expectAsWanted();
}

function closedHosts({ hosts, truth }: SimCluster): readonly SimHost[] {
  return hosts.filter(({ nodeId }) => truth.view.get('node', nodeId)?.availability !== 'active');
}

function restlessSpecs(cluster: SimCluster): readonly ServiceSpec[] {
  const services = [...cluster.truth.view.all('service')];
  return services.filter((service) => !service.removing && !isAtPeace(service)).map(({ spec }) => spec);
}

function heldServices(cluster: SimCluster): readonly string[] {
  const services = [...cluster.truth.view.all('service')];
  return services.filter(({ hold }) => hold?.paused).map(({ spec }) => `${spec.stack}/${spec.name}`);
}

/** Serves, asks for no more host ports than there may be hosts, and did not go back to what it was. */
function isAtPeace(service: Service): boolean {
  const { container, ports } = service.spec;
  const serves = container.command?.[0] === behaviours.serves[0] && ports.length === 0;
  const roomy = container.reservations.cpuMillis === undefined;
  return serves && roomy && targetRevision(service) === service.revisionId;
}

function peaceful(spec: ServiceSpec): ServiceSpec {
  const env = { VERSION: `${spec.container.env['VERSION'] ?? ''}+` };
  return {
    ...spec,
    ports: [],
    container: { ...spec.container, command: [...behaviours.serves], env, reservations: {} },
  };
}

/** Makes one event happen, now. What cannot happen (a host that is off already) does not. */
export function happen(cluster: SimCluster, event: Event): void {
  switch (event.do) {
    case 'apply':
      return cluster.apply('sim', [specOf(event)], undefined, `content ${event.secret ?? ''}`);
    case 'scale':
      return cluster.ask('scale', { name: `sim/${event.service}`, replicas: event.replicas });
    case 'remove':
      return cluster.ask('removeServices', { names: [`sim/${event.service}`] });
    case 'rollback':
      return cluster.ask('rollback', { name: `sim/${event.service}` });
    case 'restart':
      return cluster.ask('restart', { names: [`sim/${event.service}`] });
    case 'pause':
    case 'resume':
      return cluster.ask('hold', { names: [`sim/${event.service}`], paused: event.do === 'pause' });
    case 'rebalance':
      return cluster.ask('rebalance', { name: '', maxMoves: event.moves, dryRun: false });
    case 'availability':
      return cluster.hosts
        .slice(event.host, event.host + 1)
        .forEach((h) => cluster.setAvailability(h, event.to));
    case 'power off':
      return cluster.hosts[event.host]?.powerOff();
    case 'power on':
      return cluster.hosts[event.host]?.powerOn();
    case 'disk fills':
    case 'disk is cleared':
      return setFull(cluster, event.host, event.do === 'disk fills');
    case 'crash agent':
      return cluster.hosts[event.host]?.agent?.crashAfter(event.after);
    case 'crash controller':
      return cluster.controllers[event.controller]?.process?.crashAfter(event.after);
    case 'restart controller':
      return restart(cluster, event.controller);
    case 'cut':
      return cluster.wire.cut(event.from, event.to);
    case 'heal':
      return cluster.wire.heal(event.from, event.to);
    case 'container ends':
      return endContainer(cluster, event);
    case 'freeze':
      return freeze(cluster, event.who, event.ms);
    case 'clock jumps':
      return jump(cluster, event.who, event.ms);
    case 'watches lag':
      cluster.faults.watchLag = event.ms;
      return;
    case 'compact':
      return cluster.etcd.compact();
    case 'leases end':
      return cluster.etcd.revokeAll();
  }
}

function restart(cluster: SimCluster, index: number): void {
  const controller = cluster.controllers[index];
  void controller?.stop().then(() => controller.start());
}

function endContainer(
  cluster: SimCluster,
  { host, which, exitCode }: Event & { do: 'container ends' },
): void {
  const on = cluster.hosts[host];
  const running = on?.running() ?? [];
  const id = running[which % Math.max(1, running.length)];
  if (on && id !== undefined) on.containers.end(id, { exitCode, oom: false, at: cluster.world.clock.now() });
}

function jump(cluster: SimCluster, who: string, ms: number): void {
  const at = [...cluster.hosts, ...cluster.controllers].find(({ name }) => name === who);
  if (at) at.wallOffset += ms;
  const host = cluster.hosts.find((one) => one === at);
  const controller = cluster.controllers.find((one) => one === at);
  (host?.agent ?? controller?.process)?.jump(ms);
}

function setFull(cluster: SimCluster, index: number, full: boolean): void {
  const host = cluster.hosts[index];
  if (host) host.full = full;
}

function freeze(cluster: SimCluster, who: string, ms: number): void {
  const host = cluster.hosts.find(({ name }) => name === who);
  const controller = cluster.controllers.find(({ name }) => name === who);
  (host?.agent ?? controller?.process)?.freeze(ms);
}

function dataOf(service: string): NamedVolumeMount {
  const source = `sim_${service}`;
  return { kind: 'volume', source, target: '/data', readOnly: false, noCopy: false, external: false };
}

/** Of the service, or what all share: then other content of one rolls the others with their next apply. */
function secretOf(service: string): ContentMount {
  return { kind: 'secret', source: `sim_${service}`, target: '/run/secrets/s', uid: 0, gid: 0, mode: 0o444 };
}

function specOf(event: Event & { do: 'apply' }): ServiceSpec {
  const { service, replicas, behaviour, version, hostPort, one, volume, preempt, secret } = event;
  return {
    stack: 'sim',
    name: service,
    mode: replicas === 'global' ? { kind: 'global' } : { kind: 'replicated', replicas },
    container: {
      image: `${service}:1`,
      command: [...behaviours[behaviour]],
      env: { VERSION: String(version) },
      readOnly: false,
      capAdd: [],
      capDrop: [],
      tmpfs: [],
      stopGraceMs: defaultStopGraceMs,
      labels: {},
      limits: {},
      reservations: preempt === 'none' ? {} : { cpuMillis: preempt === 'takes' ? 3_000 : 1_700 },
      ...(volume && { volumes: [dataOf(service)] }),
      ...(secret !== undefined && { contents: [secretOf(service)] }),
    },
    ports: hostPort
      ? [{ target: 80, published: 8_000 + service.charCodeAt(0), protocol: 'tcp', mode: 'host' }]
      : [],
    restart: { ...defaultRestart, maxDelayMs: 8_000 },
    constraints: [],
    labels: {},
    ...(one && { availability: 'prefer-one' as const }),
    ...(preempt !== 'none' && {
      placement: { ...defaultPlacement, preempt, priority: preempt === 'takes' ? 10 : 0 },
    }),
  };
}
