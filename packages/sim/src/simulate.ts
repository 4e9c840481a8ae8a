import { Recorder, type Step } from '@gantry/controller/forecast/record';
import { standingOf } from '@gantry/controller/forecast/rest';
import type { ServiceSpec } from '@gantry/model/service';
import { isTerminal } from '@gantry/model/task';
import { behaviours } from './behaviour.ts';
import { SimCluster } from './cluster.ts';
import type { HostSize } from './host.ts';
import { Broken } from './laws.ts';

/** A user's own services on hosts that do not exist. */
export interface Simulation {
  readonly stack: string;
  readonly services: readonly ServiceSpec[];
  /** Named n1, n2, … */
  readonly hosts: number;
  readonly hostSize: HostSize;
  /** Labels of the host with this number, from 0. */
  readonly labels: (host: number) => Readonly<Record<string, string>>;
  /** Hosts that lose power: at a time since the apply, ms, or once all is at rest. */
  readonly kills: readonly Kill[];
  readonly seed: number;
}

export interface Kill {
  readonly host: string;
  readonly atMs?: number;
}

/** What happened from one moment on, until all was at rest again. */
export interface Phase {
  /** `apply`, or `n3 loses power` */
  readonly what: string;
  /** Since the apply, ms. */
  readonly atMs: number;
  /** How long until all was at rest again, ms; absent: it did not come to rest. */
  readonly lastedMs?: number;
  /** Times are since the apply. */
  readonly steps: readonly Step[];
  readonly services: readonly PhaseService[];
}

export interface PhaseService {
  readonly name: string;
  readonly desired: number;
  readonly ready: number;
  /** The fewest ready tasks in this phase. */
  readonly lowest: number;
  /** New tasks of this phase by host. */
  readonly placed: readonly { readonly node: string; readonly tasks: number }[];
  /** Tasks without a host at its end, and why. */
  readonly unplaced: number;
  readonly reason: string;
}

export interface Simulated {
  readonly phases: readonly Phase[];
  /** A law of the cluster was broken, or the file was refused: a bug of ours, or a word of the controller. */
  readonly broken?: string;
}

/** A phase that has not come to rest by then never will, ms of virtual time. */
const mostMs = 15 * 60_000;
const joinMs = 60_000;
/** All must stay at rest for so long: the loss of a host is noticed after seconds. */
const stillMs = 15_000;

/** Plays it with the real controller and real agents on virtual time. The same simulation gives the same answer. */
export async function simulate(simulation: Simulation): Promise<Simulated> {
  const story = new Story(simulation);
  try {
    await story.play();
    return { phases: story.phases };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { phases: story.phases, broken: error.message };
  }
}

class Story {
  readonly phases: Phase[] = [];
  readonly #simulation: Simulation;
  readonly #cluster: SimCluster;
  #recorder: Recorder | undefined;
  #appliedAt = 0;
  #refused: string | undefined;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#cluster = new SimCluster({
      seed: simulation.seed,
      hosts: simulation.hosts,
      controllers: 1,
      hostSize: simulation.hostSize,
      onChange: (change) => this.#recorder?.take(change, this.#cluster.truth.view, this.#age()),
    });
  }

  async play(): Promise<void> {
    await this.#join();
    const { kills } = this.#simulation;
    const timed = kills
      .filter(({ atMs }) => atMs !== undefined)
      .sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0));
    this.#appliedAt = this.#cluster.world.age();
    await this.#phase('apply', () => this.#apply(), timed);
    for (const { host } of kills.filter(({ atMs }) => atMs === undefined))
      await this.#phase(`${host} loses power`, () => this.#kill(host), []);
  }

  async #join(): Promise<void> {
    const cluster = this.#cluster;
    cluster.start();
    const ready = (): boolean =>
      [...cluster.truth.view.all('node')].filter(
        (node) => node.state === 'ready' && node.subnet !== undefined,
      ).length === this.#simulation.hosts;
    if (!(await cluster.until(ready, joinMs))) throw new Broken('not all hosts joined');
    cluster.hosts.forEach((host, index) => cluster.setLabels(host, this.#simulation.labels(index)));
    await cluster.pass(1_000);
  }

  /** One thing happens, then others at their times; ends when all is at rest, or never will be. */
  async #phase(what: string, begin: () => void, timed: readonly Kill[]): Promise<void> {
    const atMs = this.#age();
    const recorder = new Recorder(
      this.#cluster.truth.view,
      ({ spec }) => spec.stack === this.#simulation.stack,
    );
    this.#recorder = recorder;
    begin();
    for (const { host, atMs: at = 0 } of timed) {
      await this.#cluster.pass(Math.max(0, at - this.#age()));
      this.#kill(host);
    }
    let restedAt: number | undefined;
    await this.#cluster.until(() => {
      if (this.#refused !== undefined) throw new Broken(`the controller refused it: ${this.#refused}`);
      restedAt = this.#isAtRest() ? (restedAt ?? this.#age()) : undefined;
      return restedAt !== undefined && this.#age() - Math.max(restedAt, recorder.lastAt) >= stillMs;
    }, mostMs);
    this.phases.push({
      what,
      atMs,
      ...(restedAt !== undefined && { lastedMs: Math.max(0, recorder.lastAt - atMs) }),
      steps: recorder.steps,
      services: this.#services(recorder),
    });
  }

  #apply(): void {
    const { stack, services } = this.#simulation;
    this.#cluster.apply(stack, services.map(obedient), (error) => {
      // As gRPC would carry it.
      const words = error as { readonly details?: string };
      this.#refused = words.details ?? String(error);
    });
  }

  #kill(name: string): void {
    this.#cluster.host(name).powerOff();
  }

  #isAtRest(): boolean {
    const { view } = this.#cluster.truth;
    const services = [...view.servicesOfStack(this.#simulation.stack)];
    return services.length > 0 && services.every((service) => standingOf(view, service).atRest);
  }

  #services(recorder: Recorder): readonly PhaseService[] {
    const { view } = this.#cluster.truth;
    return [...recorder.seen].map(([id, { name, ready, lowest, placed }]) => {
      const waiting = [...view.tasksOfService(id)].filter(
        ({ nodeId, desired, status }) =>
          nodeId === undefined && desired === 'running' && !isTerminal(status.state),
      );
      return {
        name,
        desired: standingOf(view, view.get('service', id)).desired,
        ready,
        lowest,
        placed: [...placed].map(([node, tasks]) => ({ node, tasks })),
        unplaced: waiting.length,
        reason: waiting[0]?.status.reason ?? view.get('service', id)?.waiting ?? '',
      };
    });
  }

  /** Since the apply, ms. */
  #age(): number {
    return this.#cluster.world.age() - this.#appliedAt;
  }
}

/** The same service with a container that does as it is told, and asks for nothing that only a real host has. */
function obedient(spec: ServiceSpec): ServiceSpec {
  const {
    entrypoint: _entrypoint,
    isolation: _isolation,
    tuning: _tuning,
    volumes,
    ...container
  } = spec.container;
  const named = volumes?.filter(({ kind }) => kind === 'volume');
  const command = spec.job ? behaviours.completes : behaviours.serves;
  return { ...spec, container: { ...container, command: [...command], ...(named && { volumes: named }) } };
}
