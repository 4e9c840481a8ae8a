import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { nodeShape, taskUsageShape, usageShape } from '../output/shapes.ts';

/** `gantry node ls` */
export function nodeLsCommand(io: Io, options: GlobalOptions): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { nodes } = await client.call(client.control.listNodes.bind(client.control), {});
    output.list(nodes, nodeShape);
    return 0;
  });
}

/** `gantry top`: what hosts and tasks use now. */
export function topCommand(io: Io, options: GlobalOptions): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { nodes } = await client.call(client.control.usage.bind(client.control), {});
    output.list(nodes, usageShape);
    if (output.format !== 'table' && output.format !== 'wide') return 0;
    const tasks = nodes.flatMap(({ node, tasks: own }) => own.map((task) => ({ ...task, node })));
    tasks.sort((a, b) => b.cpuMillis - a.cpuMillis || b.memoryBytes - a.memoryBytes);
    if (tasks.length > 0) io.stdout.write('\n');
    if (tasks.length > 0) output.list(tasks, taskUsageShape);
    return 0;
  });
}

/** `gantry version` */
export function versionCommand(io: Io, options: GlobalOptions): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { version } = await client.call(client.control.info.bind(client.control), {});
    output.list([{ what: 'controller', version, address: client.address }], {
      header: ['PART', 'VERSION', 'ADDRESS'],
      row: (part) => [part.what, part.version, part.address],
      name: (part) => part.version,
      empty: '',
    });
    return 0;
  });
}
