import { GantryError } from '@gantry/kit/errors';
import { readContextFile, writeContextFile, type ContextFile } from '../context-file.ts';
import { noContext } from '../controllers.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { createOutput } from '../output/output.ts';

export interface ContextAddOptions extends GlobalOptions {
  readonly controller?: string;
}

/** `gantry context ls` */
export async function contextLsCommand(io: Io, options: GlobalOptions): Promise<number> {
  const { current, contexts } = await readContextFile(io.env);
  const items = [...contexts].map(([name, { controller }]) => ({
    name,
    controller,
    current: name === current,
  }));
  createOutput(io, options).list(items, {
    header: ['CONTEXT', 'CURRENT', 'CONTROLLER'],
    row: (one) => [one.name, one.current ? '*' : '', one.controller],
    name: (one) => one.name,
    empty: 'no contexts; `gantry context add NAME --controller HOST:PORT` makes one',
  });
  return 0;
}

/** `gantry context add NAME --controller HOST:PORT`: the first one becomes the current one. */
export async function contextAddCommand(io: Io, options: ContextAddOptions, name: string): Promise<number> {
  const { controller } = options;
  if (controller === undefined)
    throw new GantryError('invalid', `where is the controller of ${name}?`, {
      hint: 'give --controller HOST:PORT',
    });
  if (!/^[^:\s]+:\d{1,5}$/.test(controller))
    throw new GantryError('invalid', `--controller ${controller} is not understood`, {
      hint: 'write HOST:PORT',
    });
  return change(io, options, name, 'kept', ({ current, contexts }) => ({
    current: current ?? name,
    contexts: new Map([...contexts, [name, { controller }]]),
  }));
}

/** `gantry context use NAME` */
export async function contextUseCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return change(io, options, name, 'is the current one', ({ contexts }) => {
    if (!contexts.has(name)) throw noContext(name, contexts);
    return { current: name, contexts };
  });
}

/** `gantry context rm NAME` */
export async function contextRmCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return change(io, options, name, 'forgotten', ({ current, contexts }) => {
    if (!contexts.has(name)) throw noContext(name, contexts);
    const left = new Map([...contexts].filter(([other]) => other !== name));
    return { contexts: left, ...(current !== undefined && current !== name && { current }) };
  });
}

async function change(
  io: Io,
  options: GlobalOptions,
  name: string,
  done: string,
  work: (file: ContextFile) => ContextFile,
): Promise<number> {
  await writeContextFile(io.env, work(await readContextFile(io.env)));
  const output = createOutput(io, options);
  output.say(`context ${name} ${done}`);
  output.done([{ name }]);
  return 0;
}
