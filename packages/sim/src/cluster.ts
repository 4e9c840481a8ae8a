import { reconcilers, type Doors } from '@gantry/controller/term';
import type { Reconciler } from '@gantry/controller/reconcilers/reconciler';
import type { Change } from '@gantry/controller/store/store';
import { silentLogger, type Logger } from '@gantry/kit/log';
import type { Node } from '@gantry/model/node';
import type { ServiceSpec } from '@gantry/model/service';
import * as fromModel from '@gantry/proto/from-model';
import { SimController, type Protection } from './controller.ts';
import type { EtcdFaults } from './etcd-door.ts';
import { EtcdState } from './etcd.ts';
import { GatewayClient, type GatewayFaults } from './gateway.ts';
import { SimHost, type HostSize } from './host.ts';
import { Broken } from './laws.ts';
import { Truth } from './truth.ts';
import { Wire } from './wire.ts';
import { World } from './world.ts';
import { Watch } from './watch.ts';

export interface ClusterOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly controllers: number;
  readonly hostSize?: HostSize;
  readonly log?: Logger;
  /** Other reconcilers than the product's: to see that what is broken is found. */
  readonly reconcilers?: readonly Reconciler[];
  readonly silenceMs?: number;
  readonly without?: readonly Protection[];
  /** Faults that happen by chance, all the time. */
  readonly faults?: Partial<EtcdFaults & GatewayFaults>;
  /** Hears every change of the store. */
  readonly onChange?: (change: Change) => void;
}

const plenty: HostSize = { cpuMillis: 4_000, memoryBytes: 8 * 2 ** 30 };

/** A process that died by itself is started again after this long, as systemd does, ms. */
const restartAfterMs = 800;

/** A whole cluster in one process on virtual time: real controllers, real agents, and everything between simulated. */
export class SimCluster {
  readonly world: World;
  readonly wire: Wire;
  readonly etcd: EtcdState;
  readonly truth: Truth;
  readonly hosts: readonly SimHost[];
  readonly controllers: readonly SimController[];
  readonly faults: EtcdFaults & GatewayFaults;
  readonly watch: Watch;

  constructor(options: ClusterOptions) {
    const log = options.log ?? silentLogger;
    this.world = new World(options.seed);
    this.wire = new Wire(this.world);
    this.etcd = new EtcdState(this.world);
    this.faults = { lostAnswers: 0, watchLag: 0, doubles: 0, full: 0, ...options.faults };
    this.truth = new Truth(this.etcd, (change) => {
      this.watch.changed(change);
      options.onChange?.(change);
    });
    this.watch = new Watch(this);
    const base = { world: this.world, wire: this.wire, log };
    this.controllers = numbered(options.controllers, (index) => {
      return new SimController(`c${index + 1}`, {
        ...base,
        etcd: this.etcd,
        faults: this.faults,
        reconcilers: options.reconcilers ?? reconcilers,
        silenceMs: options.silenceMs ?? 5_000,
        without: options.without ?? [],
        onCrash: (controller) => void this.world.clock.after(restartAfterMs, () => controller.start()),
      });
    });
    this.hosts = numbered(options.hosts, (index) => {
      return new SimHost(`n${index + 1}`, index, options.hostSize ?? plenty, {
        ...base,
        clients: (process) => this.controllers.map((to) => this.#client(process, to)),
        onContainer: (event, host, taskId) => this.watch.container(event, host, taskId),
        onCrash: (host) => void this.world.clock.after(restartAfterMs, () => host.startAgent()),
      });
    });
  }

  #client(process: ConstructorParameters<typeof GatewayClient>[1], controller: SimController) {
    const door = () => {
      const { doors, process: of } = controller;
      return doors && of ? { process: of, agents: doors.agents } : undefined;
    };
    return new GatewayClient(this.wire, process, controller.name, door, this.faults).client();
  }

  start(): void {
    for (const controller of this.controllers) controller.start();
    for (const host of this.hosts) host.startAgent();
  }

  /** Lets time pass, looking at every step; throws Broken as soon as a promise is. */
  async pass(ms: number): Promise<void> {
    await this.world.pass(ms, () => this.watch.look());
    this.watch.look();
  }

  /** Lets time pass until `check` holds; answers false if it does not within `ms`. */
  async until(check: () => boolean, ms: number, everyMs = 250): Promise<boolean> {
    for (const end = this.world.clock.now() + ms; !check();) {
      if (this.world.clock.now() >= end) return false;
      await this.pass(everyMs);
    }
    return true;
  }

  host(name: string): SimHost {
    const host = this.hosts.find((one) => one.name === name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** The controller whose doors are open, if one's are. */
  leader(): SimController | undefined {
    return this.controllers.find(({ doors }) => doors !== undefined);
  }

  /** Asks the leader for a change, as a user does; nobody waits for the answer, which may be an error. */
  ask(
    method: keyof Doors['users'],
    request: unknown,
    onError: (error: unknown) => void = () => undefined,
  ): void {
    const users = this.leader()?.doors?.users;
    if (!users) return;
    const call = users[method] as unknown as UserCall;
    call({ request }, (error) => error !== null && onError(error));
  }

  /**
   * Services of one stack as a file has them; others of the stack stay. Every config and secret that they name is given, with
   * these bytes.
   */
  apply(
    stack: string,
    specs: readonly ServiceSpec[],
    onError?: (error: unknown) => void,
    bytes = 'simulated',
  ): void {
    const contents = contentsOf(specs, bytes);
    const services = specs.map(fromModel.serviceSpec);
    this.ask('apply', { stack, services, prune: false, credentials: [], contents }, onError);
  }

  /** What `gantry node drain|cordon|uncordon` asks for. */
  setAvailability({ name }: SimHost, availability: Node['availability']): void {
    this.ask('setNode', { names: [name], availability });
  }

  /** What `gantry node label` asks for. */
  setLabels({ name }: SimHost, labels: Readonly<Record<string, string>>): void {
    this.ask('labelNode', { name, set: labels, unset: [] });
  }

  /** Throws Broken with what is not as it should be, once all is quiet. */
  expectAsWanted(): void {
    const [wrong] = this.watch.notAsWanted();
    if (wrong !== undefined) throw new Broken(`it does not come to rest: ${wrong}`);
  }
}

type UserCall = (call: { readonly request: unknown }, done: (error: unknown) => void) => void;

function contentsOf(specs: readonly ServiceSpec[], bytes: string) {
  const mounts = specs.flatMap(({ container }) => container.contents ?? []);
  const named = new Map(mounts.map(({ kind, source }) => [`${kind} ${source}`, { kind, name: source }]));
  return [...named.values()].map((one) => ({ ...one, value: Buffer.from(bytes) }));
}

function numbered<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
