import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import { parentOf, startTimeOf } from '@gantry/kit/process';
import { pidsIn, removeCgroups, thaw, type CgroupHost } from './cgroups.ts';
import { execFilePrefix } from './exec.ts';
import type { Layout } from './layout.ts';
import { readPid } from './monitor.ts';

/** How long killed processes may take to go, ms. */
const killTimeoutMs = 5_000;
/** How long a monitor may take to write down what is left of the output, once its container is gone, ms. */
const drainMs = 250;
/** How long a monitor that has let go of its container may take to end, ms. */
const lastWordsMs = 1_000;

export interface RemainsDeps {
  readonly clock: Clock;
  readonly layout: Layout;
  readonly cgroups: CgroupHost;
  /** Where the beginning of a container's output is now; undefined if there is none. */
  readonly logStart: (id: string) => Promise<string | undefined>;
  /** The container's cgroup below each hierarchy's root. */
  cgroupOf(id: string): string;
}

/** Ends what runs of a container, in whatever state it is, and removes every trace of it. Idempotent. */
export async function removeContainer(deps: RemainsDeps, id: string): Promise<void> {
  const paths = deps.layout.of(id);
  const monitor = await monitorOf(deps, id);
  await killProcesses(deps, id);
  if (monitor !== undefined) await endMonitor(deps, id, monitor);
  await until(deps, `the end of the cgroup of ${id}`, () => removeCgroups(deps.cgroups, deps.cgroupOf(id)));
  // What `runc delete` would do is done: no process, no cgroup. Its state goes with ours, without a process for it.
  await rm(join(deps.layout.runcRoot, id), { recursive: true, force: true });
  await rm(paths.exit, { force: true });
  // Last, as it is what names the container: if we are killed on the way, the next agent finds it and goes on.
  await rm(paths.bundle, { recursive: true, force: true });
}

/** SIGKILL to all that is in the container's cgroup, until nothing is. */
export async function killProcesses(deps: RemainsDeps, id: string): Promise<void> {
  await thaw(deps.cgroups, deps.cgroupOf(id));
  await until(deps, `the end of the processes of ${id}`, async () => {
    const pids = await pidsIn(deps.cgroups, deps.cgroupOf(id));
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  });
}

/** Waits, a short while, until the container's monitor has ended: what it has not written by then it never will. */
export async function waitForMonitor(deps: RemainsDeps, id: string): Promise<void> {
  const monitor = await monitorOf(deps, id);
  if (monitor === undefined) return;
  await reached(deps.clock, lastWordsMs, async () => (await startTimeOf(monitor)) === undefined);
}

/**
 * Ends what an agent that was killed left behind of its executions: processes in the container's cgroup that neither are its
 * first process nor were started by one in there.
 */
export async function endStrayExecutions(deps: RemainsDeps, id: string, first: number): Promise<void> {
  const { bundle } = deps.layout.of(id);
  const pids = await pidsIn(deps.cgroups, deps.cgroupOf(id));
  const own = new Set(pids);
  for (const pid of pids) {
    const parent = pid === first ? undefined : await parentOf(pid);
    if (parent !== undefined && !own.has(parent)) kill(-pid); // each leads a session of its own
  }
  const files = (await readdir(bundle)).filter((name) => name.startsWith(execFilePrefix));
  await Promise.all(files.map((file) => rm(join(bundle, file), { force: true })));
}

async function endMonitor(deps: RemainsDeps, id: string, monitor: number): Promise<void> {
  const drained = deps.clock.monotonic() + drainMs;
  await until(deps, `the end of the monitor of ${id}`, async () => {
    if ((await startTimeOf(monitor)) === undefined) return true;
    if (deps.clock.monotonic() > drained) kill(monitor);
    return false;
  });
}

/** The monitor's pid if it really is this container's monitor: pids are reused. */
async function monitorOf(deps: RemainsDeps, id: string): Promise<number | undefined> {
  const pid = await readPid(deps.layout.of(id).monitorPidFile);
  if (pid === undefined) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes('conmon') && command.includes(`\0${id}\0`) ? pid : undefined;
}

async function until(deps: RemainsDeps, what: string, done: () => Promise<boolean>): Promise<void> {
  if (await reached(deps.clock, killTimeoutMs, done)) return;
  throw new GantryError('timeout', `${what} did not come in time`, {
    hint: 'a process that cannot be killed waits for a disk or a network file system',
  });
}

/** Asks again and again, as the kernel tells no one when a cgroup is empty; after SIGKILL it is a matter of a few ms. */
async function reached(clock: Clock, withinMs: number, done: () => Promise<boolean>): Promise<boolean> {
  const deadline = clock.monotonic() + withinMs;
  for (let wait = 1; !(await done()); wait = Math.min(50, wait * 2)) {
    if (clock.monotonic() > deadline) return false;
    await new Promise<void>((resolve) => clock.after(wait, resolve));
  }
  return true;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
