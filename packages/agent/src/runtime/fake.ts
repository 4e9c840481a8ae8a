import type { ProcessIdentity } from '@gantry/kit/process';
import { Readable, Writable } from 'node:stream';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { ExecPlan, Execution } from './execution.ts';
import type {
  ContainerExit,
  ContainerLimits,
  ContainerPlan,
  ContainerState,
  ContainerUsage,
  Runtime,
} from './runtime.ts';

/** What happens to containers of the fake runtime, read from their argv. */
export type FakeScript = (plan: ContainerPlan) => {
  /** Fails to start with these words. */
  readonly fails?: string;
  /** Ends by itself after this long. */
  readonly exitsAfterMs?: number;
  readonly exitCode?: number;
  /** Takes this long to start. */
  readonly startMs?: number;
  /** Takes this long to end after a signal; SIGKILL ends it at once. Infinity: it heeds no other signal. */
  readonly stopMs?: number;
};

interface FakeContainer {
  readonly process: ProcessIdentity;
  readonly stopMs: number;
  exit?: ContainerExit;
}

/** Containers that outlive an agent, as on a real host: hand the same host to a second runtime. */
export class FakeHost {
  readonly containers = new Map<string, FakeContainer>();
  /** How often each id was started: never more than once. */
  readonly starts = new Map<string, number>();
  /** Limits that were given to a container while it ran. */
  readonly limits = new Map<string, ContainerLimits>();
  readonly paused = new Set<string>();
  /** Hear every end; a runtime that was closed hears nothing more. */
  readonly listeners = new Set<(id: string, exit: ContainerExit) => void>();
  nextPid = 1_000;
  /** How a further process in a container ends, and what it says. */
  answer: (argv: readonly string[]) => { readonly code: number; readonly said: string } = () => ({
    code: 0,
    said: '',
  });

  /** The container's process ends, as by itself. */
  end(id: string, exit: ContainerExit): void {
    const container = this.containers.get(id);
    if (!container || container.exit) return;
    container.exit = exit;
    for (const listener of [...this.listeners]) listener(id, exit);
  }
}

/** The runtime in memory, with scripted containers: for unit tests, the simulator and hollow nodes. */
export class FakeRuntime implements Runtime {
  readonly #clock: Clock;
  readonly #host: FakeHost;
  readonly #script: FakeScript;
  readonly #listeners = new Set<(id: string, exit: ContainerExit) => void>();
  #closed = false;

  constructor(clock: Clock, host = new FakeHost(), script: FakeScript = () => ({})) {
    this.#clock = clock;
    this.#host = host;
    this.#script = script;
    this.#host.listeners.add(this.#hear);
  }

  readonly #hear = (id: string, exit: ContainerExit): void => {
    for (const listener of this.#listeners) listener(id, exit);
  };

  list(): Promise<ReadonlyMap<string, ContainerState>> {
    const states = [...this.#host.containers].map(([id, { process, exit }]): [string, ContainerState] => [
      id,
      exit ? { state: 'stopped', exit } : { state: 'running', process },
    ]);
    return Promise.resolve(new Map(states));
  }

  async run(plan: ContainerPlan, mayStart?: () => Promise<void>): Promise<ProcessIdentity> {
    const known = this.#host.containers.get(plan.id);
    if (known?.exit) throw new GantryError('conflict', `container ${plan.id} has ended and is not run again`);
    if (known) return known.process;
    const { fails, exitsAfterMs, exitCode = 0, startMs, stopMs = 0 } = this.#script(plan);
    if (startMs !== undefined) await new Promise<void>((resolve) => this.#clock.after(startMs, resolve));
    if (fails !== undefined) throw new GantryError('invalid', fails);
    if (this.#closed) return new Promise(() => undefined); // the agent is gone: nobody hears the answer
    await mayStart?.();
    const process = { pid: this.#host.nextPid++, startTime: String(this.#clock.now()), bootId: 'fake' };
    this.#host.containers.set(plan.id, { process, stopMs });
    this.#host.starts.set(plan.id, (this.#host.starts.get(plan.id) ?? 0) + 1);
    if (exitsAfterMs !== undefined) this.#clock.after(exitsAfterMs, () => this.end(plan.id, exitCode));
    return process;
  }

  /** The container's process ends, as by itself. */
  end(id: string, exitCode: number, more: Partial<ContainerExit> = {}): void {
    this.#host.end(id, { exitCode, oom: false, at: this.#clock.now(), ...more });
  }

  signal(id: string, signal: string): Promise<void> {
    const stopMs = signal === 'SIGKILL' ? 0 : (this.#host.containers.get(id)?.stopMs ?? 0);
    if (stopMs === 0) this.end(id, signal === 'SIGKILL' ? 137 : 143);
    else if (stopMs !== Infinity) this.#clock.after(stopMs, () => this.end(id, 143));
    return Promise.resolve();
  }

  update(id: string, limits: ContainerLimits): Promise<void> {
    this.#host.limits.set(id, limits);
    return Promise.resolve();
  }

  pause(id: string): Promise<void> {
    this.#host.paused.add(id);
    return Promise.resolve();
  }

  resume(id: string): Promise<void> {
    this.#host.paused.delete(id);
    return Promise.resolve();
  }

  shortcomings(): readonly string[] {
    return [];
  }

  /** What the script says of it, as a process that reads nothing and ends at once. */
  exec(id: string, plan: ExecPlan): Promise<Execution> {
    const container = this.#host.containers.get(id);
    if (!container || container.exit) throw new GantryError('conflict', 'the container does not run');
    const { code, said } = this.#host.answer(plan.argv);
    const output = Readable.from([Buffer.from(said)]);
    const input = new Writable({ write: (_chunk, _encoding, done) => done() });
    const nothing = (): Promise<void> => Promise.resolve();
    return Promise.resolve({
      input,
      output,
      exit: Promise.resolve(code),
      resize: () => undefined,
      signal: nothing,
      close: nothing,
    });
  }

  delete(id: string): Promise<void> {
    this.#host.containers.delete(id);
    return Promise.resolve();
  }

  usage(id: string): Promise<ContainerUsage | undefined> {
    const running = this.#host.containers.has(id);
    return Promise.resolve(running ? { cpuMicros: 0, memoryBytes: 1 << 20, pids: 1 } : undefined);
  }

  onExit(listener: (id: string, exit: ContainerExit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#host.listeners.delete(this.#hear);
    return Promise.resolve();
  }
}
