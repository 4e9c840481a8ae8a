import type { Logger } from '@gantry/kit/log';
import { defaultPools } from '@gantry/model/addresses';
import type { NodeAssignments, TaskAssignment } from '@gantry/model/assignment';
import { defaultLogging } from '@gantry/model/logging';
import type { TaskStatus } from '@gantry/model/task';
import type { Logs } from '../logs/logs.ts';
import type { Network, NetworkState } from '../network/network.ts';
import type { ContainerExit, ContainerState } from '../runtime/runtime.ts';
import type { TaskRecord } from '../task/record.ts';
import { Runner, type RunnerDeps } from '../task/runner.ts';
import type { AgentDisk } from './disk.ts';
import { NetworkStates, sameState } from './network-state.ts';
import { leftovers, planWork } from './plan.ts';
import { createSlots } from './slots.ts';

export interface WorkerDeps extends Omit<RunnerDeps, 'slot' | 'save' | 'saveLater'> {
  readonly disk: AgentDisk;
  readonly logs: Logs;
  /** This host's address among the hosts. */
  readonly address: string;
}

/** Containers that are started at once: more would only wait for each other on few cores. */
const parallelStarts = 4;
/** Name that the network's state is kept under. */
const networkFile = 'network-state';

/** Holds a runner for every task of this host, and the network as the controller last described it. */
export class Worker {
  readonly #deps: WorkerDeps;
  readonly #runnerDeps: RunnerDeps;
  readonly #runners = new Map<string, Runner>();
  /** The last tasks that were assigned: a message that concerns others brings the same map. */
  #assigned: NodeAssignments['tasks'] | undefined;
  /** The last word to each runner since this worker began. */
  readonly #told = new Map<string, TaskAssignment | 'gone'>();
  readonly #log: Logger;
  /**
   * Containers of which no record is left (it could not be read, or the disk was lost), until the first complete set says which
   * of them are wanted. Nothing is ended only because something is missing.
   */
  #unknown: ReadonlyMap<string, ContainerState> | undefined;
  /** Ends of containers that have no runner yet. */
  readonly #early = new Map<string, ContainerExit>();
  #network: NetworkState | undefined;
  /** As last told: a controller that says nothing of it does not end the encryption that another one began. */
  #encryption: NetworkState['encryption'];
  /** Network changes are applied one after another; only the newest waiting one counts. */
  #applying: Promise<void> = Promise.resolve();
  #networkReady!: () => void;
  readonly #hasNetwork = new Promise<void>((resolve) => (this.#networkReady = resolve));
  #pendingNetwork: NetworkState | undefined;
  readonly #states = new NetworkStates();

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#log = deps.log;
    const network: Network = { ...bound(deps.network), attach: (id, ports) => this.#attach(id, ports) };
    this.#runnerDeps = {
      ...deps,
      network,
      slot: createSlots(parallelStarts),
      save: (record) => deps.disk.save(record),
      saveLater: (record) => deps.disk.saveLater(record),
    };
  }

  /** Takes up what the host holds: adopts containers, cleans what has no record, brings the network back. */
  async start(): Promise<void> {
    const { disk, runtime } = this.#deps;
    // Heard from before the look around: what ends while that is made is in neither otherwise.
    runtime.onExit((id, exit) => {
      const runner = this.#runners.get(id);
      if (runner) runner.exited(exit);
      else this.#early.set(id, exit);
    });
    const [records, containers] = await Promise.all([disk.records(), runtime.list()]);
    const network = await disk.load<Omit<NetworkState, 'pools'> & Partial<NetworkState>>(networkFile);
    this.#encryption = network?.encryption;
    // An agent before this one may not have known of pools: then they were these.
    if (network) this.#configure({ pools: defaultPools, ...network });
    for (const record of records) {
      const { taskId, container } = record.assignment;
      const found = containers.get(taskId);
      if (found?.state === 'running')
        this.#inBackground('its log', this.#deps.logs.begin(taskId, container.logging ?? defaultLogging));
      this.#run(record, found);
    }
    this.#unknown = new Map([...containers].filter(([id]) => !this.#runners.has(id)));
  }

  /** Statuses of all tasks here: what a controller that knows nothing should hear. */
  statuses(): ReadonlyMap<string, TaskStatus> {
    return new Map([...this.#runners].map(([id, runner]) => [id, runner.record.status]));
  }

  /** Ids of the tasks that run now. */
  running(): readonly string[] {
    return [...this.#runners].filter(([, { record }]) => record.status.state === 'running').map(([id]) => id);
  }

  /**
   * Makes what the controller assigned true. The set must be complete: what it does not name is stopped. Resolves once the
   * network is as assigned: true, or false if it could not be made so.
   */
  assign(wanted: NodeAssignments): Promise<boolean> {
    if (wanted.subnet !== undefined) {
      this.#encryption = wanted.encryption ?? this.#encryption;
      const { subnet, pools } = wanted;
      const { address } = this.#deps;
      const own = { subnet, pools, address, ...(this.#encryption && { encryption: this.#encryption }) };
      this.#configure(this.#states.of(wanted, own));
    }
    if (wanted.tasks !== this.#assigned) this.#assignTasks(wanted.tasks);
    return this.#applying.then(() => wanted.subnet === undefined || this.#network !== undefined);
  }

  #assignTasks(wanted: NodeAssignments['tasks']): void {
    this.#assigned = wanted;
    const plan = planWork(wanted, new Set(this.#runners.keys()), this.#told);
    for (const assignment of plan.tell) this.#tell(assignment.taskId, assignment);
    for (const taskId of plan.gone) this.#tell(taskId, 'gone');
    const unknown = this.#unknown;
    this.#unknown = undefined;
    for (const assignment of plan.start) {
      this.#told.set(assignment.taskId, assignment);
      this.#run(this.#newRecord(assignment), unknown?.get(assignment.taskId));
    }
    if (unknown) this.#inBackground('cleaning up leftovers', this.#cleanLeftovers(unknown));
  }

  #tell(taskId: string, word: TaskAssignment | 'gone'): void {
    this.#told.set(taskId, word);
    const runner = this.#runners.get(taskId);
    if (word === 'gone') runner?.want('gone');
    else runner?.want(word.desired, word);
  }

  /** Stops working; containers go on. */
  async close(): Promise<void> {
    for (const runner of this.#runners.values()) runner.close();
    await this.#applying;
  }

  #newRecord(assignment: TaskAssignment): TaskRecord {
    const status = {
      state: 'assigned',
      at: this.#deps.clock.now(),
      reason: 'taken by its host',
      ready: false,
    } as const;
    return { assignment, status, cleaned: false };
  }

  #run(record: TaskRecord, found: ContainerState | undefined): void {
    const { taskId } = record.assignment;
    const exit = this.#early.get(taskId);
    this.#early.delete(taskId);
    const container: ContainerState | undefined = exit ? { state: 'stopped', exit } : found;
    const deps = { ...this.#runnerDeps, log: this.#log.with({ task: taskId }) };
    const runner = new Runner(deps, record, container, (id) => this.#forget(id));
    this.#runners.set(taskId, runner);
    if (container?.state === 'running') this.#takeUpGuard(record);
    this.#inBackground('a runner', runner.work());
  }

  /** An earlier agent started it: its guard must still stand. */
  #takeUpGuard({ assignment, started }: TaskRecord): void {
    const { taskId, fenceAfterMs, container } = assignment;
    const { fences } = this.#deps;
    if (fenceAfterMs === undefined || !fences) return;
    const stop = { signal: started?.stopSignal ?? 'SIGTERM', graceMs: container.stopGraceMs };
    this.#inBackground('its guard', fences.takeUp(taskId, fenceAfterMs, stop));
  }

  #forget(taskId: string): void {
    this.#runners.delete(taskId);
    this.#told.delete(taskId);
    this.#inBackground('removing a task', this.#deps.disk.remove(taskId));
    this.#inBackground('removing a log', this.#deps.logs.remove(taskId));
  }

  async #attach(...args: Parameters<Network['attach']>): ReturnType<Network['attach']> {
    await this.#hasNetwork;
    return this.#deps.network.attach(...args);
  }

  #configure(state: NetworkState): void {
    if (this.#network && sameState(this.#network, state)) return;
    this.#network = state;
    const waiting = this.#pendingNetwork !== undefined;
    this.#pendingNetwork = state;
    if (!waiting) this.#applying = this.#applying.then(() => this.#applyNetwork());
  }

  async #applyNetwork(): Promise<void> {
    const state = this.#pendingNetwork;
    this.#pendingNetwork = undefined;
    if (!state) return;
    try {
      // What must be encrypted must be so also for an agent that begins after this one failed or was killed.
      if (state.encryption?.mode === 'wireguard') await this.#deps.disk.keep(networkFile, state);
      await this.#deps.network.configure(state);
      this.#networkReady();
      if (state.encryption?.mode !== 'wireguard') await this.#deps.disk.keep(networkFile, state);
    } catch (error) {
      // The driver checks itself every few seconds; the next state or check tries again.
      this.#network = undefined;
      this.#log.error('the network could not be configured', { error: String(error) });
    }
  }

  /** Things on the host with a task's id, but no record of it: nobody will ever ask for them again. */
  async #cleanLeftovers(containers: ReadonlyMap<string, ContainerState>): Promise<void> {
    const { runtime, images, network, volumes, contents, logs, disk } = this.#deps;
    const attached = (await network.attached()).map(({ containerId }) => containerId);
    const kept = [...(await volumes.held()), ...(await contents.held())];
    const found = [...containers.keys(), ...(await images.mounted()), ...attached, ...kept];
    const logged = await logs.list();
    const recorded = (await disk.records()).map(({ assignment }) => assignment.taskId);
    // Whose things they are is asked last: a task that came while we looked around has a runner by now.
    const held = new Set([...recorded, ...this.#runners.keys()]);
    for (const id of leftovers(found, held)) {
      if (this.#runners.has(id)) continue;
      this.#log.warn('removing what is left of an unknown task', { task: id });
      await runtime.delete(id);
      await Promise.all([
        images.unmount(id),
        network.detach(id),
        volumes.release(id),
        contents.release(id),
        this.#deps.fences?.release(id),
      ]);
    }
    for (const id of leftovers(logged, held)) if (!this.#runners.has(id)) await logs.remove(id);
  }

  #inBackground(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      this.#log.error('work in the background failed', { what, error: String(error) }),
    );
  }
}

/** An object with the network's methods, for one of them to be replaced. */
function bound(network: Network): Network {
  return {
    configure: (state) => network.configure(state),
    attach: (id, ports) => network.attach(id, ports),
    limit: (id, bandwidth) => network.limit(id, bandwidth),
    detach: (id) => network.detach(id),
    settled: (id) => network.settled(id),
    attached: () => network.attached(),
    report: () => network.report(),
    teardown: () => network.teardown(),
    close: () => network.close(),
  };
}
