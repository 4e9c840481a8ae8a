import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { GantryError } from '@gantry/kit/errors';
import type { Io } from './io.ts';

/** Clusters by name, and which of them is meant when nobody says. */
export interface ContextFile {
  readonly current?: string;
  /** Name → where its controller listens. */
  readonly contexts: ReadonlyMap<string, { readonly controller: string }>;
}

/** `$XDG_CONFIG_HOME/gantry/config.yaml` */
export function contextFilePath(env: Io['env']): string {
  const base = env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? homedir(), '.config');
  return join(base, 'gantry', 'config.yaml');
}

/** What the file says; nothing if there is none. Throws `invalid` if it cannot be understood. */
export async function readContextFile(env: Io['env']): Promise<ContextFile> {
  const path = contextFilePath(env);
  const text = await readFile(path, 'utf8').catch(() => '');
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw unreadable(path, 'it is not YAML', cause);
  }
  if (value === null || value === undefined) return { contexts: new Map() };
  if (!isMap(value)) throw unreadable(path, 'it is not a map');
  const { current, contexts = {} } = value;
  if (!isMap(contexts)) throw unreadable(path, '`contexts:` is not a map');
  return {
    ...(typeof current === 'string' && { current }),
    contexts: new Map(Object.entries(contexts).map(([name, one]) => [name, contextOf(path, name, one)])),
  };
}

/** Replaces the file as a whole; only its owner may read it. */
export async function writeContextFile(env: Io['env'], { current, contexts }: ContextFile): Promise<void> {
  const path = contextFilePath(env);
  const text = stringify({
    ...(current !== undefined && { current }),
    contexts: Object.fromEntries(contexts),
  });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function contextOf(path: string, name: string, value: unknown): { readonly controller: string } {
  const controller = isMap(value) ? value['controller'] : undefined;
  if (typeof controller === 'string') return { controller };
  throw unreadable(path, `context ${name} has no controller`);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(path: string, why: string, cause?: unknown): GantryError {
  return new GantryError('invalid', `${path} is not understood: ${why}`, {
    hint: 'mend it or remove it; `gantry context add NAME --controller HOST:PORT` makes a new one',
    cause,
  });
}
