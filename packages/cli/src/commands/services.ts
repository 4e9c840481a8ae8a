import { GantryError } from '@gantry/kit/errors';
import { withContext, type GlobalOptions } from '../context.ts';
import { serviceShape, taskShape } from '../output/shapes.ts';
import { waitForServices } from '../wait.ts';

/** `gantry ls` */
export function lsCommand(stack: string | undefined, options: GlobalOptions): Promise<number> {
  return withContext(options, async ({ client, output }) => {
    const { services } = await client.call(client.control.listServices.bind(client.control), { stack });
    output.list(services, serviceShape(Date.now()));
    return 0;
  });
}

export interface PsOptions extends GlobalOptions {
  readonly all?: boolean;
}

/** `gantry ps` */
export function psCommand(names: readonly string[], options: PsOptions): Promise<number> {
  return withContext(options, async ({ client, output }) => {
    const request = { names: [...names], all: options.all ?? false };
    const { tasks } = await client.call(client.control.listTasks.bind(client.control), request);
    output.list(tasks, taskShape(Date.now()));
    return 0;
  });
}

export interface WaitOptions extends GlobalOptions {
  readonly detach?: boolean;
}

/** `gantry scale web=3 api=2` */
export function scaleCommand(changes: readonly string[], options: WaitOptions): Promise<number> {
  const wanted = changes.map((text) => {
    const match = /^(.+)=(\d+)$/.exec(text);
    if (match?.[1] === undefined)
      throw new GantryError('invalid', `"${text}" is not understood`, { hint: 'write SERVICE=NUMBER' });
    return { name: match[1], replicas: Number(match[2]) };
  });
  return withContext(options, async (context) => {
    const { client, output } = context;
    const applied = [];
    for (const request of wanted) {
      const { service } = await client.call(client.control.scale.bind(client.control), request);
      if (service) applied.push(service);
    }
    const code = options.detach ? 0 : await waitForServices(context, applied);
    output.value(applied);
    return code;
  });
}

/** `gantry rm NAME…`: stacks or services; waits until nothing of them is left. */
export function rmCommand(names: readonly string[], options: WaitOptions): Promise<number> {
  return withContext(options, async (context) => {
    const { client, output } = context;
    const request = { names: [...names] };
    const { services } = await client.call(client.control.removeServices.bind(client.control), request);
    for (const { name } of services) output.say(`${name} removed`);
    const code = options.detach ? 0 : await waitForServices({ ...context, progress: 'quiet' }, services);
    output.value(services);
    return code;
  });
}

/** `gantry wait NAME…` */
export function waitCommand(names: readonly string[], options: GlobalOptions): Promise<number> {
  return withContext(options, async (context) => {
    const { client } = context;
    const { services } = await client.call(client.control.listServices.bind(client.control), {
      stack: undefined,
    });
    const chosen = services.filter(({ stack, name }) =>
      names.some((one) => [stack, name, `${stack}/${name}`].includes(one)),
    );
    if (chosen.length === 0)
      throw new GantryError('not_found', `there is no stack or service "${names.join(' ')}"`);
    const applied = chosen.map(({ id, stack, name }) => ({
      serviceId: id,
      name: `${stack}/${name}`,
      change: 'unchanged',
    }));
    return waitForServices(context, applied);
  });
}
