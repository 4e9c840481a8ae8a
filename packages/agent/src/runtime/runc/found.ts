import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity } from '@gantry/kit/process';
import type { ContainerExit, ContainerState } from '../runtime.ts';
import { oomKillsOf } from './cgroups.ts';
import { noteOfInit } from './init-note.ts';
import { readExit, readMeta, writeLost } from './records.ts';
import { waitForMonitor, type RemainsDeps } from './remains.ts';

export interface FoundDeps extends RemainsDeps {
  readonly bootId: string;
}

/** What an agent finds on the host for one id that it does not watch yet; undefined if there is nothing. */
export async function findContainer(deps: FoundDeps, id: string): Promise<ContainerState | undefined> {
  const paths = deps.layout.of(id);
  const exit = await exitOf(deps, id);
  if (exit) return { state: 'stopped', exit };
  const meta = await readMeta(paths);
  if (!meta) {
    const there = await stat(paths.bundle).catch(() => undefined);
    return there && { state: 'broken', reason: 'its state cannot be read' };
  }
  if (meta.bootId !== deps.bootId) return lost(deps, id, 'the host was restarted');
  if (!meta.process) return { state: 'broken', reason: 'the agent ended while it was created' };
  if (!(await isAlive(meta.process, deps.bootId))) return endedUnwatched(deps, id);
  if (await isOnlyCreated(deps, id, meta.process))
    return { state: 'broken', reason: 'the agent ended before it was started' };
  return { state: 'running', process: meta.process };
}

/** Its process is gone; its monitor may be about to write down how. */
async function endedUnwatched(deps: FoundDeps, id: string): Promise<ContainerState> {
  const exit = await exitAfterMonitor(deps, id);
  return exit ? { state: 'stopped', exit } : lost(deps, id, 'it ended while nobody watched');
}

/**
 * Before its start, the first process is runc's own init, which waits at a FIFO. It still is for a moment after its start, on
 * its way to the program; but then the FIFO is gone.
 */
async function isOnlyCreated(deps: FoundDeps, id: string, { pid }: ProcessIdentity): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!/^[^\0]*runc\0init\0?$/.test(command)) return false;
  return stat(join(deps.layout.runcRoot, id, 'exec.fifo')).then(
    () => true,
    () => false,
  );
}

/** conmon lets go of its descriptors shortly before it writes the exit file: its word counts once it is gone. */
export async function exitAfterMonitor(deps: RemainsDeps, id: string): Promise<ContainerExit | undefined> {
  const exit = await exitOf(deps, id);
  if (exit) return exit;
  await waitForMonitor(deps, id);
  return exitOf(deps, id);
}

/** The exit with what the kernel counted (the cgroup stands until the container is deleted), and what its init said. */
export async function exitOf(deps: RemainsDeps, id: string): Promise<ContainerExit | undefined> {
  const exit = await readExit(deps.layout.of(id));
  if (exit?.exitCode === undefined) return exit; // an end that no monitor saw: all we know is kept
  const note = await noteOfInit(() => deps.logStart(id), exit.exitCode);
  if (note !== undefined) return { ...exit, note };
  const oomKills = await oomKillsOf(deps.cgroups, deps.cgroupOf(id));
  if (oomKills === undefined) return exit;
  return { ...exit, oom: exit.exitCode === 137 && (exit.oom || oomKills > 0), oomKills };
}

/** An end that no monitor saw, in our words, kept for the next agent. */
export function lost(
  deps: RemainsDeps,
  id: string,
  note: string,
): { readonly state: 'stopped'; readonly exit: ContainerExit } {
  const exit: ContainerExit = { oom: false, at: deps.clock.now(), note };
  writeLost(deps.layout.of(id), exit);
  return { state: 'stopped', exit };
}
