import { renameSync, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { ProcessIdentity } from '@gantry/kit/process';
import type { ContainerExit } from '../runtime.ts';
import type { ContainerPaths } from './layout.ts';

/** What is kept of a container beside its bundle; written before it is made and again before its start. */
export interface Meta {
  readonly bootId: string;
  readonly process?: ProcessIdentity;
}

/** Undefined when there is none, or none that can be read: the agent ended while it wrote. */
export async function readMeta(paths: ContainerPaths): Promise<Meta | undefined> {
  return readJson<Meta>(paths.meta);
}

export function writeMeta(paths: ContainerPaths, meta: Meta): void {
  writeAtomically(paths.meta, JSON.stringify(meta));
}

/** How the container ended: by its monitor's word, else by ours for one whose end nobody saw. */
export async function readExit(paths: ContainerPaths): Promise<ContainerExit | undefined> {
  return (await readMonitorExit(paths)) ?? (await readJson<ContainerExit>(paths.lost));
}

/** Keeps our own word on an end that no monitor saw, so that the next agent says the same. */
export function writeLost(paths: ContainerPaths, exit: ContainerExit): void {
  writeAtomically(paths.lost, JSON.stringify(exit));
}

async function readMonitorExit(paths: ContainerPaths): Promise<ContainerExit | undefined> {
  const text = (await readFile(paths.exit, 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(text)) return undefined;
  const exitCode = Number(text);
  const [written, oom] = await Promise.all([stat(paths.exit), exists(paths.oom)]);
  // The kernel may have killed a child only: then the container says itself by its code how it took that.
  return { exitCode, oom: oom && exitCode === 137, at: Math.round(written.mtimeMs) };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** On this thread: the run directory is memory, and a trip through the thread pool costs more than the write. */
function writeAtomically(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
