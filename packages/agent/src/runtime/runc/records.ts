import { readFile, rename, stat, writeFile } from 'node:fs/promises';
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

export async function writeMeta(paths: ContainerPaths, meta: Meta): Promise<void> {
  await writeAtomically(paths.meta, JSON.stringify(meta));
}

/** How the container ended: by its monitor's word, else by ours for one whose end nobody saw. */
export async function readExit(paths: ContainerPaths): Promise<ContainerExit | undefined> {
  return (await readMonitorExit(paths)) ?? (await readJson<ContainerExit>(paths.lost));
}

/** Keeps our own word on an end that no monitor saw, so that the next agent says the same. */
export async function writeLost(paths: ContainerPaths, exit: ContainerExit): Promise<void> {
  await writeAtomically(paths.lost, JSON.stringify(exit));
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

async function writeAtomically(file: string, text: string): Promise<void> {
  await writeFile(`${file}.tmp`, text, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}
