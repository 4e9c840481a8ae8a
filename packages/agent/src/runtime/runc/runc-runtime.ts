import { mkdir, readdir, rmdir } from 'node:fs/promises';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { noFailpoint, type Failpoint } from '@gantry/kit/failpoint';
import type { Logger } from '@gantry/kit/log';
import { readBootId, startTimeOf, isAlive, type ProcessIdentity } from '@gantry/kit/process';
import type { ExecPlan, Execution } from '../execution.ts';
import type {
  ContainerExit,
  ContainerLimits,
  ContainerPlan,
  ContainerState,
  ContainerUsage,
  Runtime,
} from '../runtime.ts';
import { writeBundle } from './bundle.ts';
import { findCgroups, thaw, usageOf, type CgroupHost } from './cgroups.ts';
import { setPaused, updateLimits, type ControlDeps } from './control.ts';
import { Layout } from './layout.ts';
import { createUnderMonitor } from './monitor.ts';
import { missingLimits } from './oci-resources.ts';
import type { OciHost } from './oci-spec.ts';
import { OneAtATime } from '@gantry/kit/one-at-a-time';
import { startExecution } from './exec.ts';
import { Fifos } from './fifos.ts';
import { exitAfterMonitor, exitOf, findContainer, lost, type FoundDeps } from './found.ts';
import { endStrayExecutions, killProcesses, removeContainer } from './remains.ts';
import { writeMeta } from './records.ts';
import { signalNumber } from './signals.ts';
import { startCreated, type StartDeps } from './start.ts';
import { watchDirectory, watchMonitor } from './watch.ts';

export interface RuncRuntimeDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runDir: string;
  /** Parent of all containers' cgroups, without slashes at its ends. */
  readonly cgroupParent: string;
  /** Where a container's output goes. */
  readonly logPath: (id: string) => string;
  /** Where the beginning of it is, if whoever keeps logs has moved it away; absent: at `logPath`. */
  readonly logStart?: (id: string) => Promise<string | undefined>;
  readonly host: Omit<OciHost, 'cgroupsPath'>;
  /** Full path of runc: conmon does not search for it. */
  readonly runc: string;
  readonly failpoint?: Failpoint;
}

interface Watched {
  readonly process: ProcessIdentity;
  readonly monitor: { close(): void };
}

/** Makes a runtime that drives runc through conmon below `runDir`. */
export async function createRuncRuntime(deps: RuncRuntimeDeps): Promise<Runtime> {
  const layout = new Layout(deps.runDir);
  for (const dir of [layout.containers, layout.exits, layout.runcRoot])
    await mkdir(dir, { recursive: true, mode: 0o700 });
  return new RuncRuntime(deps, layout, await readBootId(), await findCgroups());
}

class RuncRuntime implements Runtime {
  readonly #deps: RuncRuntimeDeps;
  readonly #layout: Layout;
  readonly #bootId: string;
  readonly #cgroups: CgroupHost;
  readonly #remains: FoundDeps;
  readonly #control: ControlDeps & StartDeps;
  readonly #fifos: Fifos;
  readonly #watched = new Map<string, Watched>();
  readonly #making = new Set<string>();
  readonly #turns = new OneAtATime();
  readonly #listeners = new Set<(id: string, exit: ContainerExit) => void>();
  readonly #exitsWatcher: FSWatcher;
  #executions = 0;

  constructor(deps: RuncRuntimeDeps, layout: Layout, bootId: string, cgroups: CgroupHost) {
    this.#deps = deps;
    this.#layout = layout;
    this.#bootId = bootId;
    this.#cgroups = cgroups;
    this.#fifos = new Fifos(deps.exec, layout.fifos);
    const { exec, runc, host, clock } = deps;
    const logStart = deps.logStart ?? ((id: string) => Promise.resolve(deps.logPath(id)));
    this.#remains = { clock, logStart, layout, cgroups, bootId, cgroupOf: (id) => this.#cgroupOf(id) };
    this.#control = { ...this.#remains, exec, runc, runcRoot: layout.runcRoot, host };
    this.#exitsWatcher = watchDirectory(layout.exits, (name) => this.#inBackground(this.#onExitFile(name)));
  }

  onExit(listener: (id: string, exit: ContainerExit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async list(): Promise<ReadonlyMap<string, ContainerState>> {
    const ids = (await readdir(this.#layout.containers)).filter((id) => !this.#making.has(id));
    const states = await Promise.all(ids.map(async (id) => [id, await this.#stateOf(id)] as const));
    return new Map(states.flatMap(([id, state]) => (state ? [[id, state]] : [])));
  }

  run(plan: ContainerPlan, mayStart?: () => Promise<void>): Promise<ProcessIdentity> {
    return this.#turns.run(plan.id, async () => {
      const known = await this.#stateOf(plan.id);
      if (known?.state === 'running') return known.process;
      if (known?.state === 'stopped') {
        throw new GantryError('conflict', `container ${plan.id} has ended and is not run again`);
      }
      if (known) await this.#remove(plan.id);
      return this.#make(plan, mayStart);
    });
  }

  async #make(plan: ContainerPlan, mayStart?: () => Promise<void>): Promise<ProcessIdentity> {
    const { failpoint = noFailpoint } = this.#deps;
    this.#making.add(plan.id);
    try {
      const began = this.#deps.clock.monotonic();
      await this.#prepare(plan);
      failpoint('bundle');
      const pid = await createUnderMonitor(this.#monitorDeps(), plan.id, this.#deps.logPath(plan.id), plan);
      failpoint('created');
      const created = this.#deps.clock.monotonic();
      const process = await this.#identify(pid);
      // Remembered and watched before it is started, so that no end goes unheard.
      writeMeta(this.#layout.of(plan.id), { bootId: this.#bootId, process });
      failpoint('identified');
      this.#watch(plan.id, process);
      await mayStart?.();
      await startCreated(this.#control, plan.id, process);
      failpoint('started');
      const startMs = this.#deps.clock.monotonic() - created;
      this.#deps.log.debug('container started', { id: plan.id, createMs: created - began, startMs });
      return process;
    } catch (error) {
      await this.#remove(plan.id);
      throw asGantryError(error);
    } finally {
      this.#making.delete(plan.id);
    }
  }

  #prepare(plan: ContainerPlan): Promise<void> {
    const { host } = this.#deps;
    return writeBundle(plan, {
      fifos: this.#fifos,
      paths: this.#layout.of(plan.id),
      host: { ...host, cgroupsPath: `/${this.#cgroupOf(plan.id)}` },
      bootId: this.#bootId,
    });
  }

  #monitorDeps() {
    return { exec: this.#deps.exec, layout: this.#layout, runc: this.#deps.runc, conmon: 'conmon' };
  }

  async #identify(pid: number): Promise<ProcessIdentity> {
    const startTime = await startTimeOf(pid);
    if (startTime === undefined)
      throw new GantryError('internal', 'the container ended while it was created');
    return { pid, startTime, bootId: this.#bootId };
  }

  #watch(id: string, process: ProcessIdentity): void {
    if (this.#watched.has(id)) return;
    const gone = (): void => this.#inBackground(this.#onMonitorGone(id));
    this.#watched.set(id, { process, monitor: watchMonitor(this.#layout.of(id).alive, gone) });
  }

  async signal(id: string, signal: string): Promise<void> {
    const state = await this.#stateOf(id);
    if (state?.state !== 'running' && state?.state !== 'created') return;
    if (!(await isAlive(state.process, this.#bootId))) return;
    // A paused container hears nothing: first wake it.
    await thaw(this.#cgroups, this.#cgroupOf(id));
    try {
      process.kill(state.process.pid, signalNumber(signal));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
        throw new GantryError('invalid', `signal ${signal} could not be sent`, { cause: error });
      }
    }
  }

  update(id: string, limits: ContainerLimits): Promise<void> {
    return this.#turns.run(id, () => updateLimits(this.#control, id, limits));
  }

  pause(id: string): Promise<void> {
    return this.#turns.run(id, () => setPaused(this.#control, id, true));
  }

  resume(id: string): Promise<void> {
    return this.#turns.run(id, () => setPaused(this.#control, id, false));
  }

  shortcomings(plan: ContainerPlan): readonly string[] {
    const { host } = this.#deps;
    const noInit = plan.init && host.initPath === undefined;
    return [...missingLimits(plan, host), ...(noInit ? ['no init program on this host'] : [])];
  }

  async exec(id: string, plan: ExecPlan): Promise<Execution> {
    const state = await this.#stateOf(id);
    if (state?.state !== 'running') throw new GantryError('conflict', 'the container does not run');
    const { runcRoot } = this.#layout;
    const deps = {
      clock: this.#deps.clock,
      runc: this.#deps.runc,
      runcRoot,
      bundle: this.#layout.of(id).bundle,
    };
    return startExecution(deps, id, `${process.pid}-${this.#executions++}`, plan);
  }

  delete(id: string): Promise<void> {
    return this.#turns.run(id, () => this.#remove(id));
  }

  async #remove(id: string): Promise<void> {
    this.#watched.get(id)?.monitor.close();
    this.#watched.delete(id);
    await removeContainer(this.#remains, id);
  }

  usage(id: string): Promise<ContainerUsage | undefined> {
    return Promise.resolve(usageOf(this.#cgroups, this.#cgroupOf(id)));
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    this.#exitsWatcher.close();
    for (const { monitor } of this.#watched.values()) monitor.close();
    this.#watched.clear();
    // The parent goes when the last container has gone; while there is one, the kernel refuses.
    const parents = this.#cgroups.roots.map((root) => join(root, this.#deps.cgroupParent));
    await Promise.all(parents.map((dir) => rmdir(dir).catch(() => undefined)));
  }

  /** What is on the host for one id; adopts what runs. Undefined if there is nothing. */
  async #stateOf(id: string): Promise<ContainerState | undefined> {
    const known = this.#watched.get(id);
    if (known) return { state: 'running', process: known.process };
    const found = await findContainer(this.#remains, id);
    if (found?.state !== 'running') return found;
    this.#watch(id, found.process);
    await endStrayExecutions(this.#remains, id, found.process.pid);
    return found;
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) =>
      this.#deps.log.error('the watch over a container failed', { error: String(error) }),
    );
  }

  async #onExitFile(id: string): Promise<void> {
    if (!this.#watched.has(id)) return;
    const exit = await exitOf(this.#remains, id);
    if (exit) this.#ended(id, exit);
  }

  /** The monitor ended: after the container, with an exit file; or before it, killed. */
  async #onMonitorGone(id: string): Promise<void> {
    if (!this.#watched.has(id)) return;
    const exit = await exitAfterMonitor(this.#remains, id);
    if (exit) return this.#ended(id, exit);
    this.#deps.log.warn('a monitor was killed, its container is ended', { id });
    await killProcesses(this.#remains, id);
    if (!this.#watched.has(id)) return; // deleted meanwhile
    const { exit: end } = lost(this.#remains, id, 'its monitor (conmon) was killed');
    this.#ended(id, end);
  }

  #ended(id: string, exit: ContainerExit): void {
    const watched = this.#watched.get(id);
    if (!watched) return;
    watched.monitor.close();
    this.#watched.delete(id);
    for (const listener of this.#listeners) listener(id, exit);
  }

  #cgroupOf(id: string): string {
    return join(this.#deps.cgroupParent, id);
  }
}
