import { exec } from '@gantry/kit/exec';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import type { ServiceSpec } from '@gantry/model/service';
import * as fromModel from '@gantry/proto/from-model';
import type { AppliedService } from '@gantry/proto/gen/gantry/v1/control';
import { readCompose } from '../compose/read.ts';
import { withContext, type Context } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { credentialsFor } from '../registry/credentials.ts';
import { goalOf } from '../rollout/goal.ts';
import { waitForGoals } from '../rollout/wait.ts';
import { runDocument, runName, type RunFlags } from '../run/document.ts';
import { RunSession } from '../run/session.ts';

export interface RunOptions extends GlobalOptions, RunFlags {
  readonly detach?: boolean;
  readonly rm?: boolean;
}

/** After Ctrl-C the container has this long to be gone before the prompt comes back, ms. */
const goneWithinMs = 15_000;

/** Our own failures must not look like those of the command (as docker run has it). */
const ourFailure = 125;

/** `gantry run IMAGE -- CMD`: a job of one task; shows what it writes and ends with its exit code. */
export async function runCommand(
  io: Io,
  options: RunOptions,
  image: string,
  command: readonly string[],
): Promise<number> {
  try {
    return await run(io, options, image, command);
  } catch (error) {
    const { message, hint } = asGantryError(error);
    io.stderr.write(`error: ${message}\n${hint === undefined ? '' : `fix: ${hint}\n`}`);
    return ourFailure;
  }
}

function run(io: Io, options: RunOptions, image: string, command: readonly string[]): Promise<number> {
  if (options.detach && options.rm)
    throw new GantryError('invalid', '--rm needs somebody who waits', { hint: 'leave out --detach or --rm' });
  const spec = specOf(io, options, image, command);
  return withContext(io, options, async (context) => {
    const service = await make(context, spec);
    if (options.detach) {
      io.stdout.write(`${service.name}\n`);
      context.output.say(
        `gantry logs -f ${service.name} shows what it writes, gantry rm ${service.name} ends it`,
      );
      return 0;
    }
    try {
      const { code, words } = await new RunSession(context, service.serviceId).ended;
      if (words !== undefined) context.output.say(`error: ${words}`);
      return code;
    } finally {
      if (!options.keep) await remove(context, service);
    }
  });
}

function specOf(io: Io, options: RunOptions, image: string, command: readonly string[]): ServiceSpec {
  const name = options.name ?? runName(image, Math.random);
  const { services, problems } = readCompose({
    source: runDocument(name, image, command, options),
    stack: { given: options.stack ?? 'run', fallback: 'run' },
    variables: io.env,
    readFile: () => undefined,
    sugar: false,
  });
  const [problem] = problems;
  const [spec] = services;
  if (problem)
    throw new GantryError(
      'invalid',
      problem.message,
      problem.hint === undefined ? {} : { hint: problem.hint },
    );
  if (!spec) throw new GantryError('internal', 'the run could not be written down');
  return spec;
}

/** Makes the service. A name that is in use is an error: running is not updating. */
async function make({ client, io }: Context, spec: ServiceSpec): Promise<AppliedService> {
  const { stack, name } = spec;
  const { services } = await client.call(client.control.listServices.bind(client.control), { stack });
  if (services.some((one) => one.name === name))
    throw new GantryError('conflict', `there is ${stack}/${name} already`, {
      hint: `choose another --name, or gantry rm ${stack}/${name}`,
    });
  const credentials = await credentialsFor([spec.container.image], { exec, env: io.env });
  const request = { stack, services: [fromModel.serviceSpec(spec)], prune: false, credentials, contents: [] };
  const applied = await client.call(client.control.apply.bind(client.control), request);
  const [service] = applied.services;
  if (!service) throw new GantryError('internal', 'nothing was made');
  return service;
}

/** Stops it if it still runs, and takes it away; waits a moment until it is gone. */
async function remove(context: Context, { serviceId, name }: AppliedService): Promise<void> {
  const { client, output } = context;
  try {
    await client.call(client.control.removeServices.bind(client.control), { names: [name] });
    const quiet = { ...context, progress: 'quiet', timeoutMs: goneWithinMs } as const;
    await waitForGoals(quiet, [goalOf({ serviceId, name, change: 'removed' })]);
  } catch (error) {
    output.say(
      `warning: ${name} could not be removed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
