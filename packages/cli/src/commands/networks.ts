import { GantryError } from '@gantry/kit/errors';
import type { ServiceView } from '@gantry/proto/gen/gantry/v1/control';
import { withContext, type Context } from '../context.ts';
import type { Io } from '../io.ts';
import { fullName, networksOf, type NetworkView } from '../network/networks.ts';
import { outside, whyFromOutside, whyOutside, whyService, type Why } from '../network/why.ts';
import type { GlobalOptions } from '../options.ts';
import type { Shape } from '../output/output.ts';

const networkShape: Shape<NetworkView> = {
  header: ['NETWORK', 'OUTSIDE', 'STACKS', 'SERVICES'],
  row: ({ name, internal, stacks, services }) => [
    name,
    internal ? 'no (internal)' : 'yes',
    stacks.join(', '),
    String(services.length),
  ],
  wideHeader: ['NAMES'],
  wideRow: ({ services }) => [services.join(', ')],
  name: ({ name }) => name,
  empty: 'no networks; each stack has one as soon as it has a service',
};

/** `gantry network ls` */
export function networkLsCommand(io: Io, options: GlobalOptions): Promise<number> {
  return withContext(io, options, async (context) => {
    context.output.list(networksOf(await servicesIn(context)), networkShape);
    return 0;
  });
}

/** `gantry net why A B`: may A reach B, and through what? Exit code 1 if it may not. */
export function netWhyCommand(io: Io, options: GlobalOptions, from: string, to: string): Promise<number> {
  return withContext(io, options, async (context) => {
    const why = await explain(context, from, to);
    if (['json', 'yaml', 'name'].includes(context.output.format))
      context.output.list([why], { header: [], row: () => [], name: wordOf, empty: '' });
    else io.stdout.write(sentences(why));
    return why.allowed ? 0 : 1;
  });
}

async function explain(context: Context, from: string, to: string): Promise<Why> {
  const services = await servicesIn(context);
  if (from === outside && to === outside)
    throw new GantryError('invalid', 'one of the two must be a service', {
      hint: 'gantry net why SERVICE outside',
    });
  if (from === outside) return whyFromOutside(named(services, to));
  if (to === outside) return whyOutside(named(services, from));
  const target = named(services, to);
  const { control } = context.client;
  const request = { names: [fullName(target)], all: false };
  const { tasks } = await context.client.call(control.listTasks.bind(control), request);
  return whyService(named(services, from), target, tasks);
}

async function servicesIn({ client }: Context): Promise<readonly ServiceView[]> {
  const { services } = await client.call(client.control.listServices.bind(client.control), {});
  return services;
}

/** A service by its name, `stack/name`, or a prefix of its id. */
function named(services: readonly ServiceView[], name: string): ServiceView {
  const matches = services.filter(
    (service) =>
      [service.name, fullName(service)].includes(name) || (name.length >= 4 && service.id.startsWith(name)),
  );
  const [found, ...more] = matches;
  if (found && more.length === 0) return found;
  const all = (found ? matches : services).map(fullName).sort().slice(0, 8).join(', ');
  if (found) throw new GantryError('ambiguous', `"${name}" may be ${all}`, { hint: 'write STACK/SERVICE' });
  throw new GantryError('not_found', `there is no service "${name}"`, {
    hint: all === '' ? 'gantry apply -f FILE makes one' : `there are ${all}; or write ${outside}`,
  });
}

function wordOf({ allowed }: Why): string {
  return allowed ? 'yes' : 'no';
}

function sentences({ from, to, allowed, because, details, hint }: Why): string {
  const lines = [
    `${from} may ${allowed ? '' : 'not '}reach ${to}: ${because}`,
    ...details.map((detail) => `  ${detail}`),
    ...(hint === undefined ? [] : [`fix: ${hint}`]),
  ];
  return `${lines.join('\n')}\n`;
}
