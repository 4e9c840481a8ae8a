import { GantryError } from '@gantry/kit/errors';
import type { Io } from './io.ts';
import type { GlobalOptions } from './options.ts';

/** Where `gantry dev` and a controller without flags listen. */
export const defaultController = '127.0.0.1:7443';

/**
 * The controller to speak to: `--controller`, else `--context`, else GANTRY_CONTROLLER, GANTRY_CONTEXT, the config file's
 * current context, and the default.
 */
export async function controllerOf(options: GlobalOptions, env: Io['env']): Promise<string> {
  if (options.controller !== undefined) return options.controller;
  if (options.context !== undefined) return inContext(options.context, env);
  const { GANTRY_CONTROLLER: controller, GANTRY_CONTEXT: context } = env;
  if (controller !== undefined && controller !== '') return controller;
  if (context !== undefined && context !== '') return inContext(context, env);
  const { current } = await readFile(env);
  return current === undefined ? defaultController : inContext(current, env);
}

async function inContext(name: string, env: Io['env']): Promise<string> {
  const { contexts } = await readFile(env);
  const found = contexts.get(name);
  if (found) return found.controller;
  throw noContext(name, contexts);
}

/** The file's reader brings a YAML parser: it is loaded only when a context may be meant. */
async function readFile(env: Io['env']) {
  const { readContextFile } = await import('./context-file.ts');
  return readContextFile(env);
}

/** `not_found`, with the names that there are. */
export function noContext(name: string, contexts: ReadonlyMap<string, unknown>): GantryError {
  const known = [...contexts.keys()].join(', ');
  return new GantryError('not_found', `there is no context "${name}"`, {
    hint: known === '' ? 'make one: gantry context add NAME --controller HOST:PORT' : `there are ${known}`,
  });
}
