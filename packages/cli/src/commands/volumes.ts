import { errorCodes, GantryError, type ErrorCode } from '@gantry/kit/errors';
import type { VolumeOutcome, VolumeView } from '@gantry/proto/gen/gantry/v1/volume';
import { confirm } from '../confirm.ts';
import { withContext, type Context } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { asData, type Shape } from '../output/output.ts';
import { age } from '../output/units.ts';

/** `gantry volume ls`: one line a name; each host that holds it has data of its own. */
export function volumeLsCommand(io: Io, options: GlobalOptions): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { volumes, notes } = await client.call(client.control.listVolumes.bind(client.control), {});
    output.list(volumes, volumeShape(Date.now()));
    for (const note of notes) output.say(note);
    return 0;
  });
}

/** `gantry volume inspect NAME`: labels and tasks of each copy, as its host tells them now. */
export function volumeInspectCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { volume, nodes } = await client.call(client.control.inspectVolume.bind(client.control), { name });
    io.stdout.write(asData(options.output === 'json' ? 'json' : 'yaml', { ...volume, nodes }));
    for (const { node, result } of nodes)
      if (result && result.code !== '') output.say(`${node}: ${result.words}`);
    return 0;
  });
}

export interface VolumeRmOptions extends GlobalOptions {
  readonly node?: readonly string[];
}

/** `gantry volume rm NAME… [--node HOST]`: each host answers for its own; ends with the first failure's exit code. */
export function volumeRmCommand(io: Io, options: VolumeRmOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async (context) => {
    const request = { names: [...names], nodes: [...(options.node ?? [])] };
    const { control } = context.client;
    const { outcomes } = await context.client.call(control.removeVolumes.bind(control), request);
    return tell(context, outcomes, 'removed');
  });
}

export interface VolumeCreateOptions extends VolumeRmOptions {
  readonly label?: readonly string[];
}

/** `gantry volume create NAME… --node HOST` */
export function volumeCreateCommand(
  io: Io,
  options: VolumeCreateOptions,
  names: readonly string[],
): Promise<number> {
  return withContext(io, options, async (context) => {
    const labels = Object.fromEntries((options.label ?? []).map(labelOf));
    const request = { names: [...names], nodes: [...(options.node ?? [])], labels };
    const { control } = context.client;
    const { outcomes } = await context.client.call(control.createVolumes.bind(control), request);
    return tell(context, outcomes, 'there');
  });
}

export interface VolumePruneOptions extends GlobalOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `gantry volume prune`: says what it would delete, asks, and deletes; without anything to delete it does not ask. */
export function volumePruneCommand(io: Io, options: VolumePruneOptions): Promise<number> {
  return withContext(io, options, async (context) => {
    const { all = false, dryRun = false, yes = false } = options;
    const { control } = context.client;
    const prune = control.pruneVolumes.bind(control);
    const { outcomes } = await context.client.call(prune, { all, dryRun: true });
    if (dryRun || outcomes.length === 0) return tell(context, outcomes, 'would be removed');
    if (!yes) {
      for (const { node, result } of outcomes) context.output.say(`${result?.name ?? ''} on ${node}`);
      const sure = await confirm(io, `Delete ${counted(outcomes.length)} with all data?`);
      if (!sure) return 0;
    }
    const done = await context.client.call(prune, { all, dryRun: false });
    return tell(context, done.outcomes, 'removed');
  });
}

function volumeShape(now: number): Shape<VolumeView> {
  return {
    header: ['VOLUME', 'NODES', 'USED BY', 'CREATED'],
    row: ({ name, copies }) => [
      name,
      copies.map(({ node, away }) => (away === '' ? node : `${node} (away)`)).join(', '),
      [...new Set(copies.flatMap(({ usedBy }) => usedBy))].join(', '),
      age(Math.min(...copies.map(({ createdAt }) => createdAt)), now),
    ],
    name: ({ name }) => name,
    empty: 'no host holds a named volume; `volumes:` in a file makes them',
  };
}

/** One line for each copy; answers with the exit code: that of the first failure. */
function tell({ output }: Context, outcomes: readonly VolumeOutcome[], how: string): number {
  for (const { node, result } of outcomes)
    output.say(`${result?.name ?? ''} on ${node}: ${isDone({ result }) ? how : (result?.words ?? '')}`);
  const done = outcomes.filter(isDone).length;
  const kept = outcomes.length - done;
  output.say(`${counted(done)} ${how}${kept === 0 ? '' : `, ${kept} not`}`);
  output.done(outcomes.map((outcome) => ({ ...outcome, name: outcome.result?.name ?? '' })));
  const failed = outcomes.find((outcome) => !isDone(outcome));
  return failed ? exitOf(failed.result?.code ?? '') : 0;
}

function isDone({ result }: Pick<VolumeOutcome, 'result'>): boolean {
  return result?.code === '';
}

function exitOf(code: string): number {
  return code in errorCodes ? errorCodes[code as ErrorCode].exit : 1;
}

function counted(count: number): string {
  return `${count} volume${count === 1 ? '' : 's'}`;
}

function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new GantryError('invalid', `--label ${text} is not understood`, { hint: 'write NAME=VALUE' });
}
