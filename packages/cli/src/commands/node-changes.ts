import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '@gantry/kit/errors';
import type { TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { withContext, type Context } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { taskName } from '../output/shapes.ts';
import type { WaitOptions } from './services.ts';

const ended = ['complete', 'failed', 'rejected', 'shutdown', 'orphaned'];
/** Hosts tell of their tasks by themselves, but there is no stream of a host: looked at this often while draining, ms. */
const lookMs = 300;

/** `gantry node cordon`, `uncordon` */
export function availabilityCommand(
  io: Io,
  options: GlobalOptions,
  names: readonly string[],
  availability: 'active' | 'pause',
): Promise<number> {
  return withContext(io, options, async (context) => {
    await setAvailability(context, names, availability);
    return 0;
  });
}

/** `gantry node drain NODE…`: tasks are moved away, each only once its replacement is ready; returns when all are gone. */
export function drainCommand(io: Io, options: WaitOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async (context) => {
    const ids = await setAvailability(context, names, 'drain');
    return options.detach ? 0 : untilEmpty(context, new Set(ids));
  });
}

export interface LabelOptions extends GlobalOptions {
  readonly force?: boolean;
}

/** `gantry node label NODE disk=ssd zone-` */
export function labelCommand(
  io: Io,
  options: GlobalOptions,
  name: string,
  words: readonly string[],
): Promise<number> {
  const unset = words.filter((word) => /^[^=]+-$/.test(word)).map((word) => word.slice(0, -1));
  const set = words
    .filter((word) => word.includes('='))
    .map((word) => {
      const at = word.indexOf('=');
      return [word.slice(0, at), word.slice(at + 1)] as const;
    });
  if (set.length + unset.length !== words.length)
    throw new GantryError('invalid', 'a label is not understood', {
      hint: 'write NAME=VALUE, or NAME- to remove one',
    });
  return withContext(io, options, async ({ client, output }) => {
    const request = { name, set: Object.fromEntries(set), unset };
    const { node } = await client.call(client.control.labelNode.bind(client.control), request);
    const labels = Object.entries(node?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    output.say(`${name}: ${labels.length === 0 ? 'no labels' : labels.join(' ')}`);
    if (node) output.done([node]);
    return 0;
  });
}

/** `gantry node rotate-key NODE…`: each host makes a new key for its encrypted tunnel; nothing that runs notices. */
export function rotateKeyCommand(io: Io, options: GlobalOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const nodes = [];
    for (const name of names) {
      const { node } = await client.call(client.control.rotateKey.bind(client.control), { name });
      if (node) nodes.push(node);
      output.say(`${name} makes a new key; it takes over once the other hosts have it`);
    }
    output.done(nodes);
    return 0;
  });
}

/** `gantry node rm NODE` */
export function nodeRmCommand(io: Io, options: LabelOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    for (const name of names) {
      const request = { name, force: options.force ?? false };
      await client.call(client.control.removeNode.bind(client.control), request);
      output.say(`${name} removed`);
    }
    output.done(names.map((name) => ({ name })));
    return 0;
  });
}

async function setAvailability(
  { client, output }: Context,
  names: readonly string[],
  availability: string,
): Promise<readonly string[]> {
  const request = { names: [...names], availability };
  const { nodes } = await client.call(client.control.setNode.bind(client.control), request);
  const words = { active: 'takes tasks', pause: 'takes no new tasks', drain: 'is being drained' };
  for (const node of nodes) output.say(`${node.name} ${words[availability as keyof typeof words]}`);
  output.done(nodes);
  return nodes.map(({ id }) => id);
}

async function untilEmpty(context: Context, nodes: ReadonlySet<string>): Promise<number> {
  const { client, output, timeoutMs } = context;
  const deadline = performance.now() + timeoutMs;
  let said = '';
  for (;;) {
    const { tasks } = await client.call(client.control.listTasks.bind(client.control), {
      names: [],
      all: false,
    });
    const left = tasks.filter(
      ({ nodeId, status }) => nodes.has(nodeId) && !ended.includes(status?.state ?? ''),
    );
    if (left.length === 0) return 0;
    const words = `${left.length} left: ${left.slice(0, 5).map(taskName).join(', ')}`;
    if (words !== said) output.say(words);
    said = words;
    if (performance.now() > deadline) {
      output.say(
        ['error: the drain is not done; it goes on in the cluster', ...reasons(left, tasks)].join('\n'),
      );
      return 124;
    }
    await sleep(lookMs);
  }
}

/** Why tasks are still there: what their replacements wait for. */
function reasons(left: readonly TaskView[], tasks: readonly TaskView[]): readonly string[] {
  return left.map((task) => {
    const next = tasks.find(
      (other) => other.serviceId === task.serviceId && other.slot === task.slot && other.id !== task.id,
    );
    return `  ${taskName(task)}: ${next?.status?.reason ?? task.status?.reason ?? ''}`;
  });
}
