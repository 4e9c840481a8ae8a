import { exec } from '@gantry/kit/exec';
import { GantryError } from '@gantry/kit/errors';
import * as fromModel from '@gantry/proto/from-model';
import type { ContentValue } from '@gantry/proto/gen/gantry/v1/content';
import type { PlanResponse } from '@gantry/proto/gen/gantry/v1/plan';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import { asData } from '../output/output.ts';
import { showPlan } from '../output/plan.ts';
import { credentialsFor } from '../registry/credentials.ts';
import { contentValues, loadCompose, located, type FileOptions } from './apply.ts';
import { writePlanFile } from './plan-file.ts';

export interface PlanOptions extends FileOptions {
  readonly prune?: boolean;
  readonly out?: string;
}

/** How a plan ends: as `diff` (0 nothing, 1 something would change), and 4 as an apply that does not come up. */
const [nothing, something, stuck] = [0, 1, 4];

/** `gantry plan -f FILE`: what applying it would change, and what would follow, by the cluster's own decisions. */
export async function planCommand(io: Io, options: PlanOptions): Promise<number> {
  const { source, compose } = await loadCompose(io, options);
  return withContext(io, options, async ({ client, output }) => {
    const services = compose.services.map(fromModel.serviceSpec);
    const images = compose.services.map(({ container }) => container.image);
    const credentials = await credentialsFor(images, { exec, env: io.env });
    const { stack } = compose;
    const prune = options.prune ?? true;
    const contents = contentValues(compose);
    if (options.out !== undefined) refuseSecrets(contents);
    const request = { stack, services, prune, credentials, contents };
    const plan = await client
      .call(client.control.plan.bind(client.control), request)
      .catch((error: unknown) => {
        throw located(error, options.file, source, compose);
      });
    if (options.out !== undefined)
      await writePlanFile(options.out, { stack, services, contents, prune, token: plan.token });
    if (output.format === 'json' || output.format === 'yaml') io.stdout.write(asData(output.format, plan));
    else if (output.format === 'name') io.stdout.write(namesOf(plan));
    else io.stdout.write(showPlan(plan));
    if (output.format !== 'json' && output.format !== 'yaml') output.say(`token: ${plan.token}`);
    return codeOf(plan);
  });
}

/** A value that only the cluster should have is not left lying about. */
function refuseSecrets(contents: readonly ContentValue[]): void {
  const secret = contents.find(({ kind }) => kind === 'secret');
  if (!secret) return;
  throw new GantryError('invalid', `a plan in a file would hold the value of secret ${secret.name}`, {
    hint: 'leave --out away, and apply the file itself with --if-unchanged TOKEN',
  });
}

function codeOf({ converges, services }: PlanResponse): number {
  if (!converges) return stuck;
  return services.some(({ change }) => change !== 'unchanged') ? something : nothing;
}

function namesOf({ services }: PlanResponse): string {
  return services
    .filter(({ change }) => change !== 'unchanged')
    .map(({ name }) => `${name}\n`)
    .join('');
}
