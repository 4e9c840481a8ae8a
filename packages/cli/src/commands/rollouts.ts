import { GantryError } from '@gantry/kit/errors';
import { specDifferences } from '@gantry/model/spec-differences';
import type { HistoryResponse, RevisionView } from '@gantry/proto/gen/gantry/v1/control';
import { withContext, type Context } from '../context.ts';
import type { Io } from '../io.ts';
import { showDifferences } from '../output/differences.ts';
import { asData } from '../output/output.ts';
import { revisionShape, runShape } from '../output/shapes-history.ts';
import { goalOf } from '../rollout/goal.ts';
import { waitForGoals } from '../rollout/wait.ts';
import type { WaitOptions } from './services.ts';
import type { GlobalOptions } from '../options.ts';

export interface RollbackOptions extends WaitOptions {
  readonly to?: number;
}

/** `gantry rollback SERVICE [--to N]`: an earlier revision, with its images, is what is asked for again. */
export function rollbackCommand(io: Io, options: RollbackOptions, name: string): Promise<number> {
  return withContext(io, options, async (context) => {
    const { client, output } = context;
    const request = { name, to: options.to };
    const { service, revision } = await client.call(client.control.rollback.bind(client.control), request);
    if (!service) return 0;
    output.say(`${service.name} goes to revision ${revision}`);
    const code = options.detach ? 0 : await waitForGoals(context, [goalOf(service)]);
    output.done([service]);
    return code;
  });
}

/** `gantry restart SERVICE…`: every task is replaced, as in an update. */
export function restartCommand(io: Io, options: WaitOptions, names: readonly string[]): Promise<number> {
  return withContext(io, options, async (context) => {
    const { client, output } = context;
    const { services } = await client.call(client.control.restart.bind(client.control), {
      names: [...names],
    });
    const goals = services.map((service) => goalOf(service));
    const code = options.detach ? 0 : await waitForGoals(context, goals);
    output.done(services);
    return code;
  });
}

/** `gantry pause` and `gantry resume` */
export function holdCommand(
  io: Io,
  options: GlobalOptions,
  names: readonly string[],
  paused: boolean,
): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const request = { names: [...names], paused };
    const { services } = await client.call(client.control.hold.bind(client.control), request);
    for (const { name } of services)
      output.say(`${name} ${paused ? 'paused: no update begins a place' : 'resumed'}`);
    output.done(services);
    return 0;
  });
}

/** `gantry history SERVICE`: its revisions, and for a job its runs. */
export function historyCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return withContext(io, options, async (context) => {
    const { output } = context;
    const history = await historyOf(context, name);
    if (output.format === 'json' || output.format === 'yaml') {
      io.stdout.write(asData(output.format, history));
      return 0;
    }
    output.list(history.revisions, revisionShape(Date.now(), history.revisions));
    if (history.runs.length === 0 || output.format === 'name') return 0;
    io.stdout.write('\n');
    output.list(history.runs, runShape(Date.now()));
    return 0;
  });
}

/** `gantry diff SERVICE [N [M]]`: what two revisions differ in; 1 if they do. Without M, N against what is asked for now. */
export function diffCommand(
  io: Io,
  options: GlobalOptions,
  name: string,
  from: string | undefined,
  to: string | undefined,
): Promise<number> {
  return withContext(io, options, async (context) => {
    const { revisions } = await historyOf(context, name);
    const asked = revisions.find((revision) => revision.asked);
    const right = to === undefined ? asked : numbered(revisions, to, name);
    const left =
      from === undefined
        ? revisions[revisions.indexOf(right ?? fail(name)) + 1]
        : numbered(revisions, from, name);
    if (!left || !right)
      throw new GantryError('not_found', `${name} has no earlier revision to compare with`);
    const found = specDifferences(described(left), described(right));
    context.output.say(`revision ${left.number} → ${right.number}`);
    io.stdout.write(showDifferences(found, context.output.format));
    return found.length === 0 ? 0 : 1;
  });
}

async function historyOf({ client }: Context, name: string): Promise<HistoryResponse> {
  return client.call(client.control.history.bind(client.control), { name });
}

/** What of a revision is compared: its spec, and the bytes of its image. */
function described({ spec, image }: RevisionView) {
  return { ...spec, imageDigest: image?.digest };
}

function numbered(revisions: readonly RevisionView[], text: string, name: string): RevisionView {
  const revision = revisions.find(({ number }) => String(number) === text);
  if (revision) return revision;
  const kept = revisions.map(({ number }) => number).join(', ');
  throw new GantryError('not_found', `${name} has no revision ${text}`, { hint: `it has ${kept}` });
}

function fail(name: string): never {
  throw new GantryError('not_found', `${name} has no revisions`);
}
