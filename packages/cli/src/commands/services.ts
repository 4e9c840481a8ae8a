import { GantryError } from '@gantry/kit/errors';
import type { AppliedService } from '@gantry/proto/gen/gantry/v1/control';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { serviceShape, taskShape } from '../output/shapes.ts';
import { goalOf } from '../rollout/goal.ts';
import { waitForGoals } from '../rollout/wait.ts';

/** `gantry ls` */
export function lsCommand(io: Io, options: GlobalOptions, stack: string | undefined): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { services } = await client.call(client.control.listServices.bind(client.control), { stack });
    output.list(services, serviceShape(Date.now()));
    return 0;
  });
}

export interface PsOptions extends GlobalOptions {
  readonly all?: boolean;
}

/** `gantry ps` */
export function psCommand(io: Io, options: PsOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
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
export function scaleCommand(io: Io, options: WaitOptions, changes: readonly string[]): Promise<number> {
  const wanted = changes.map((text) => {
    const match = /^(.+)=(\d+)$/.exec(text);
    if (match?.[1] === undefined)
      throw new GantryError('invalid', `"${text}" is not understood`, { hint: 'write SERVICE=NUMBER' });
    return { name: match[1], replicas: Number(match[2]) };
  });
  return withContext(io, options, async (context) => {
    const { client, output } = context;
    const applied: AppliedService[] = [];
    for (const request of wanted) {
      const { service } = await client.call(client.control.scale.bind(client.control), request);
      if (service) applied.push(service);
    }
    const goals = applied.map((service) => ({ ...goalOf(service), anyRevision: true }));
    const code = options.detach ? 0 : await waitForGoals(context, goals);
    output.done(applied);
    return code;
  });
}

/** `gantry rm NAME…`: stacks or services; waits until nothing of them is left. */
export function rmCommand(io: Io, options: WaitOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async (context) => {
    const { client, output } = context;
    const request = { names: [...names] };
    const { services } = await client.call(client.control.removeServices.bind(client.control), request);
    for (const { name } of services) output.say(`${name} removed`);
    const goals = services.map((service) => goalOf(service));
    const code = options.detach ? 0 : await waitForGoals({ ...context, progress: 'quiet' }, goals);
    output.done(services);
    return code;
  });
}

/** `gantry wait NAME…` */
export function waitCommand(io: Io, options: GlobalOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async (context) => {
    const { client } = context;
    const all = await client.call(client.control.listServices.bind(client.control), { stack: undefined });
    const chosen = names.flatMap((name) => {
      const own = all.services.filter((one) =>
        [one.stack, one.name, `${one.stack}/${one.name}`].includes(name),
      );
      if (own.length === 0) throw new GantryError('not_found', `there is no stack or service "${name}"`);
      return own;
    });
    const goals = [...new Set(chosen)].map(({ id, stack, name, removing }) =>
      goalOf({ serviceId: id, name: `${stack}/${name}`, change: removing ? 'removed' : 'unchanged' }),
    );
    return waitForGoals(context, goals);
  });
}
