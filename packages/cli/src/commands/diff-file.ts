import type { Difference } from '@gantry/model/differences';
import { qualifiedName } from '@gantry/model/ids';
import { specDifferences } from '@gantry/model/spec-differences';
import * as fromModel from '@gantry/proto/from-model';
import type { ServiceSpec } from '@gantry/proto/gen/gantry/v1/types';
import { withContext, type Context } from '../context.ts';
import type { Io } from '../io.ts';
import { showDifferences } from '../output/differences.ts';
import type { ComposeResult } from '../compose/read.ts';
import { contentValues, loadCompose, type ApplyOptions } from './apply.ts';

/** `gantry diff -f FILE`: what applying the file would change; 0 nothing, 1 something, 2 the file is not valid. */
export async function diffFileCommand(io: Io, options: ApplyOptions): Promise<number> {
  const { compose } = await loadCompose(io, options);
  return withContext(io, options, async (context) => {
    const now = await currentSpecs(context, compose.stack);
    const wanted = new Map((await resolved(context, compose)).map((spec) => [spec.name, spec]));
    const names = [...new Set([...now.keys(), ...wanted.keys()])].sort();
    const found = names.flatMap((name) => changesOf(compose.stack, name, now.get(name), wanted.get(name)));
    io.stdout.write(showDifferences(found, context.output.format));
    return found.length === 0 ? 0 : 1;
  });
}

/** The file's specs, with the versions that its configs and secrets would get. */
async function resolved({ client }: Context, compose: ComposeResult): Promise<readonly ServiceSpec[]> {
  const services = compose.services.map(fromModel.serviceSpec);
  if (services.every(({ container }) => container?.contents.length === 0)) return services;
  const request = { stack: compose.stack, services, contents: contentValues(compose) };
  return (await client.call(client.control.resolveContents.bind(client.control), request)).services;
}

function changesOf(
  stack: string,
  name: string,
  before: ServiceSpec | undefined,
  after: ServiceSpec | undefined,
): readonly Difference[] {
  const path = qualifiedName(stack, name);
  if (!before) return [{ path, after: 'a new service' }];
  if (!after) return [{ path, before: 'is removed' }];
  return specDifferences(before, after).map((difference) => ({
    ...difference,
    path: `${path} ${difference.path}`,
  }));
}

/** What is asked for now, by name; services that are going do not count. */
async function currentSpecs({ client }: Context, stack: string): Promise<ReadonlyMap<string, ServiceSpec>> {
  const { services } = await client.call(client.control.listServices.bind(client.control), { stack });
  const present = services.filter(({ removing }) => !removing);
  const specs = await Promise.all(
    present.map(async ({ id, name }) => {
      const { revisions } = await client.call(client.control.history.bind(client.control), { name: id });
      const spec = revisions.find(({ asked }) => asked)?.spec;
      return spec ? ([[name, spec]] as const) : [];
    }),
  );
  return new Map(specs.flat());
}
