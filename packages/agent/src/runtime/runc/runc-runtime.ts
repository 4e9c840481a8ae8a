import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { isAlive, readBootId, startTimeOf } from '../process.ts';
import type {
  ContainerExit,
  ContainerPlan,
  ContainerState,
  ContainerUsage,
  ProcessIdentity,
  Runtime,
} from '../runtime.ts';
import { findCgroups, pidsIn, removeCgroups, usageOf, type CgroupHost } from './cgroups.ts';
import { explainCreateFailure } from './explain.ts';
import { Layout, type ContainerPaths } from './layout.ts';
import { createUnderMonitor, readPid } from './monitor.ts';
import { ociSpec, type OciHost } from './oci-spec.ts';
import { watchDirectory, watchMonitor } from './watch.ts';

export interface RuncRuntimeDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runDir: string;
  /** Parent of all containers' cgroups, without slashes at its ends. */
  readonly cgroupParent: string;
  readonly logPath: (id: string) => string;
  readonly host: Omit<OciHost, 'cgroupsPath'>;
  /** Full path of runc: conmon does not search for it. */
  readonly runc: string;
}

/** What is kept of a container beside its bundle; written before and after its start. */
interface Meta {
  readonly bootId: string;
  readonly process?: ProcessIdentity;
}

interface Watched {
  readonly process: ProcessIdentity;
  readonly monitor: { close(): void };
}

/** How long killed processes may take to go, ms. */
const killTimeoutMs = 5_000;

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
  readonly #watched = new Map<string, Watched>();
  readonly #exits = new Map<string, ContainerExit>();
  readonly #listeners = new Set<(id: string, exit: ContainerExit) => void>();
  readonly #exitsWatcher: FSWatcher;

  constructor(deps: RuncRuntimeDeps, layout: Layout, bootId: string, cgroups: CgroupHost) {
    this.#deps = deps;
    this.#layout = layout;
    this.#bootId = bootId;
    this.#cgroups = cgroups;
    this.#exitsWatcher = watchDirectory(layout.exits, (name) => this.#inBackground(this.#onExitFile(name)));
  }

  onExit(listener: (id: string, exit: ContainerExit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async list(): Promise<ReadonlyMap<string, ContainerState>> {
    const ids = await readdir(this.#layout.containers);
    const states = await Promise.all(ids.map(async (id) => [id, await this.#stateOf(id)] as const));
    return new Map(states.flatMap(([id, state]) => (state ? [[id, state]] : [])));
  }

  async run(plan: ContainerPlan): Promise<ProcessIdentity> {
    const known = await this.#stateOf(plan.id);
    if (known?.state === 'running') return known.process;
    if (known) await this.delete(plan.id);
    const paths = this.#layout.of(plan.id);
    try {
      await this.#prepare(plan, paths);
      const pid = await createUnderMonitor(this.#monitorDeps(), plan.id, this.#deps.logPath(plan.id));
      const process = await this.#identify(pid);
      await this.#adopt(plan.id, process);
      await this.#start(plan.id);
      return process;
    } catch (error) {
      await this.delete(plan.id);
      throw asGantryError(error);
    }
  }

  async #prepare(plan: ContainerPlan, paths: ContainerPaths): Promise<void> {
    await mkdir(paths.bundle, { recursive: true, mode: 0o700 });
    const spec = ociSpec(plan, { ...this.#deps.host, cgroupsPath: `/${this.#cgroupOf(plan.id)}` });
    const meta: Meta = { bootId: this.#bootId };
    await Promise.all([
      writeFile(paths.config, JSON.stringify(spec), { mode: 0o600 }),
      writeFile(paths.meta, JSON.stringify(meta), { mode: 0o600 }),
      rm(paths.exit, { force: true }),
    ]);
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

  /** Remembers the process and watches its monitor, before it is started, so that no end goes unheard. */
  async #adopt(id: string, process: ProcessIdentity): Promise<void> {
    const paths = this.#layout.of(id);
    const meta: Meta = { bootId: this.#bootId, process };
    await writeAtomically(paths.meta, JSON.stringify(meta));
    const monitor = watchMonitor(paths.alive, () => this.#inBackground(this.#onMonitorGone(id)));
    this.#watched.set(id, { process, monitor });
  }

  async #start(id: string): Promise<void> {
    const result = await this.#deps.exec([this.#deps.runc, '--root', this.#layout.runcRoot, 'start', id]);
    if (result.code !== 0) throw explainCreateFailure(result.stderr);
  }

  async signal(id: string, signal: string): Promise<void> {
    const state = await this.#stateOf(id);
    if (state?.state !== 'running' && state?.state !== 'created') return;
    if (!(await isAlive(state.process, this.#bootId))) return;
    try {
      process.kill(state.process.pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
        throw new GantryError('invalid', `signal ${signal} could not be sent`, { cause: error });
      }
    }
  }

  async delete(id: string): Promise<void> {
    const paths = this.#layout.of(id);
    const watched = this.#watched.get(id);
    watched?.monitor.close();
    this.#watched.delete(id);
    await this.#killAll(id, paths);
    await this.#removeCgroup(id);
    this.#exits.delete(id);
    // What `runc delete` would do is done: no process, no cgroup. Its state goes with ours, without a process for it.
    const gone = [join(this.#layout.runcRoot, id), paths.bundle, paths.exit];
    await Promise.all(gone.map((path) => rm(path, { recursive: true, force: true })));
  }

  /** Ends the container's processes and its monitor, and waits until they are gone. */
  async #killAll(id: string, paths: ContainerPaths): Promise<void> {
    const monitor = await this.#monitorOf(id, paths);
    await this.#until(`the end of the processes of ${id}`, async () => {
      const pids = await pidsIn(this.#cgroups, this.#cgroupOf(id));
      for (const pid of pids) kill(pid);
      return pids.length === 0;
    });
    if (monitor === undefined) return;
    // It writes the exit file and ends by itself; give it the time, then do not wait for its output to drain.
    await this.#until(`the end of the monitor of ${id}`, async () => {
      if ((await startTimeOf(monitor)) === undefined) return true;
      kill(monitor);
      return false;
    });
  }

  /** The monitor's pid if it really is this container's monitor: pids are reused. */
  async #monitorOf(id: string, paths: ContainerPaths): Promise<number | undefined> {
    const pid = await readPid(paths.monitorPidFile);
    if (pid === undefined) return undefined;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return command.includes('conmon') && command.includes(`\0${id}\0`) ? pid : undefined;
  }

  async #removeCgroup(id: string): Promise<void> {
    await this.#until(`the end of the cgroup of ${id}`, () =>
      removeCgroups(this.#cgroups, this.#cgroupOf(id)),
    );
  }

  /** The kernel tells no one when a cgroup is empty; it is a matter of a few ms after SIGKILL. */
  async #until(what: string, done: () => Promise<boolean>): Promise<void> {
    const deadline = this.#deps.clock.monotonic() + killTimeoutMs;
    for (let wait = 1; !(await done()); wait = Math.min(50, wait * 2)) {
      if (this.#deps.clock.monotonic() > deadline)
        throw new GantryError('timeout', `${what} did not come in time`);
      await new Promise<void>((resolve) => this.#deps.clock.after(wait, resolve));
    }
  }

  async usage(id: string): Promise<ContainerUsage | undefined> {
    return usageOf(this.#cgroups, this.#cgroupOf(id));
  }

  close(): Promise<void> {
    this.#exitsWatcher.close();
    for (const { monitor } of this.#watched.values()) monitor.close();
    this.#watched.clear();
    return Promise.resolve();
  }

  /** What is on the host for one id; adopts what runs. Undefined if there is nothing. */
  async #stateOf(id: string): Promise<ContainerState | undefined> {
    const known = this.#watched.get(id);
    if (known) return { state: 'running', process: known.process };
    const exit = this.#exits.get(id) ?? (await this.#readExit(id));
    if (exit) return { state: 'stopped', exit };
    const paths = this.#layout.of(id);
    const meta = await readMeta(paths.meta);
    if (!meta) {
      const there = await stat(paths.bundle).catch(() => undefined);
      return there && { state: 'broken', reason: 'its state cannot be read' };
    }
    if (meta.bootId !== this.#bootId) return { state: 'stopped', exit: this.#lost('the host was restarted') };
    if (!meta.process) return { state: 'broken', reason: 'the agent ended while it was created' };
    if (!(await isAlive(meta.process, this.#bootId))) {
      return {
        state: 'stopped',
        exit: (await this.#readExit(id)) ?? this.#lost('it ended while nobody watched'),
      };
    }
    return this.#resume(id, meta.process);
  }

  /** A container of an earlier agent that lives: started, or stuck between create and start. */
  async #resume(id: string, process: ProcessIdentity): Promise<ContainerState> {
    if (await this.#isOnlyCreated(process))
      return { state: 'broken', reason: 'the agent ended before it was started' };
    await this.#adopt(id, process);
    return { state: 'running', process };
  }

  /** Before its start, the first process is still runc's own init. */
  async #isOnlyCreated(process: ProcessIdentity): Promise<boolean> {
    const command = await readFile(`/proc/${process.pid}/cmdline`, 'utf8').catch(() => '');
    return /^[^\0]*runc\0init\0?$/.test(command);
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) =>
      this.#deps.log.error('the watch over a container failed', { error: String(error) }),
    );
  }

  async #onExitFile(id: string): Promise<void> {
    if (!this.#watched.has(id)) return;
    const exit = await this.#readExit(id);
    if (exit) this.#ended(id, exit);
  }

  /** The monitor ended: after the container, with an exit file; or before it, killed. */
  async #onMonitorGone(id: string): Promise<void> {
    if (!this.#watched.has(id)) return;
    const exit = (await this.#readExit(id)) ?? (await this.#exitAfterMonitor(id));
    if (exit) return this.#ended(id, exit);
    this.#deps.log.warn('a monitor was killed, its container is ended', { id });
    for (const pid of await pidsIn(this.#cgroups, this.#cgroupOf(id))) kill(pid);
    this.#ended(id, this.#lost('its monitor (conmon) was killed'));
  }

  /** conmon lets go of its descriptors shortly before it writes the exit file: its word counts once it is gone. */
  async #exitAfterMonitor(id: string): Promise<ContainerExit | undefined> {
    const monitor = await this.#monitorOf(id, this.#layout.of(id));
    if (monitor !== undefined) {
      await this.#until(
        `the end of the monitor of ${id}`,
        async () => (await startTimeOf(monitor)) === undefined,
      );
    }
    return this.#readExit(id);
  }

  #ended(id: string, exit: ContainerExit): void {
    const watched = this.#watched.get(id);
    if (!watched) return;
    watched.monitor.close();
    this.#watched.delete(id);
    this.#exits.set(id, exit);
    for (const listener of this.#listeners) listener(id, exit);
  }

  async #readExit(id: string): Promise<ContainerExit | undefined> {
    const paths = this.#layout.of(id);
    const text = await readFile(paths.exit, 'utf8').catch(() => '');
    if (!/^\d+$/.test(text.trim())) return undefined;
    const oom = await stat(paths.oom).then(
      () => true,
      () => false,
    );
    return { exitCode: Number(text), oom, at: this.#deps.clock.now() };
  }

  #lost(note: string): ContainerExit {
    return { oom: false, at: this.#deps.clock.now(), note };
  }

  #cgroupOf(id: string): string {
    return join(this.#deps.cgroupParent, id);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}

async function readMeta(file: string): Promise<Meta | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Meta;
  } catch {
    return undefined;
  }
}

async function writeAtomically(file: string, text: string): Promise<void> {
  await writeFile(`${file}.tmp`, text, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}
