import { GantryError } from '@gantry/kit/errors';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { taskUsageShape } from '../output/shapes.ts';

/** `gantry stats [SERVICE…]`: what tasks use now, the largest first. */
export function statsCommand(io: Io, options: GlobalOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { nodes } = await client.call(client.control.usage.bind(client.control), {});
    const all = nodes.flatMap(({ node, tasks }) => tasks.map((task) => ({ ...task, node })));
    const chosen = all.filter((task) => names.length === 0 || names.some((name) => means(name, task)));
    if (names.length > 0 && chosen.length === 0)
      throw new GantryError('not_found', `nothing is known of ${names.join(', ')}`, {
        hint: 'usage is published every few seconds: try again in a moment',
      });
    output.list(
      chosen.sort((a, b) => b.memoryBytes - a.memoryBytes),
      taskUsageShape,
    );
    return 0;
  });
}

/** A stack, a service, `stack/service`, either with a slot, or a prefix of a task's id. */
function means(name: string, task: { service: string; slot: number; taskId: string }): boolean {
  const [stack = '', service = ''] = task.service.split('/');
  const known = [stack, service, task.service, `${service}.${task.slot}`, `${task.service}.${task.slot}`];
  return known.includes(name) || (name.length >= 4 && task.taskId.startsWith(name));
}
