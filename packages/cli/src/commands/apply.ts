import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import { exec } from '@gantry/kit/exec';
import { maxContentBytes } from '@gantry/model/content';
import { qualifiedName } from '@gantry/model/ids';
import * as fromModel from '@gantry/proto/from-model';
import type { ContentValue } from '@gantry/proto/gen/gantry/v1/content';
import type { ServiceSpec } from '@gantry/proto/gen/gantry/v1/types';
import * as toModel from '@gantry/proto/to-model';
import { CallError } from '../client.ts';
import { parseEnvFile } from '../compose/env-file.ts';
import { showProblems } from '../compose/problems.ts';
import { readCompose, type ComposeResult } from '../compose/read.ts';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import { credentialsFor } from '../registry/credentials.ts';
import type { GlobalOptions } from '../options.ts';
import { asData } from '../output/output.ts';
import { goalOf } from '../rollout/goal.ts';
import { waitForGoals } from '../rollout/wait.ts';
import { readPlanFile } from './plan-file.ts';

export interface FileOptions extends GlobalOptions {
  readonly file: string;
  readonly stack?: string;
}

export interface ApplyOptions extends FileOptions {
  readonly detach?: boolean;
  readonly prune?: boolean;
  /** A plan's token: nothing is applied if what the plan read has changed. */
  readonly ifUnchanged?: string;
}

/** `gantry apply`: the stack as the file says, and waits until it is so. */
export async function applyCommand(io: Io, options: ApplyOptions): Promise<number> {
  const { source, compose } = await loadCompose(io, options);
  const wanted: WantedStack = {
    stack: compose.stack,
    services: compose.services.map(fromModel.serviceSpec),
    contents: contentValues(compose),
    prune: options.prune ?? true,
    ...(options.ifUnchanged !== undefined && { ifUnchanged: options.ifUnchanged }),
  };
  return applyWanted(io, options, wanted, (error) => located(error, options.file, source, compose));
}

interface WantedStack {
  readonly stack: string;
  readonly services: readonly ServiceSpec[];
  readonly contents: readonly ContentValue[];
  readonly prune: boolean;
  readonly ifUnchanged?: string;
}

/** Applies what was read from a file or a plan; `explain` says where in the file an error stands. */
export function applyWanted(
  io: Io,
  options: GlobalOptions & { readonly detach?: boolean },
  wanted: WantedStack,
  explain: (error: unknown) => unknown = (error) => error,
): Promise<number> {
  return withContext(io, options, async (context) => {
    const { client, output } = context;
    const images = wanted.services.map(({ container }) => container?.image ?? '');
    const credentials = await credentialsFor(images, { exec, env: io.env });
    const { services, contents } = wanted;
    const request = { ...wanted, services: [...services], contents: [...contents], credentials };
    const { services: applied } = await client
      .call(client.control.apply.bind(client.control), request)
      .catch((error: unknown) => {
        throw explain(error);
      });
    for (const { name, change } of applied) output.say(`${name} ${change}`);
    const specs = wanted.services.map(toModel.serviceSpec);
    const restarts = new Map(specs.map((spec) => [qualifiedName(spec.stack, spec.name), spec.restart]));
    const goals = applied.map((service) => goalOf(service, restarts.get(service.name)));
    const code = options.detach ? 0 : await waitForGoals(context, goals);
    output.done(applied);
    return code;
  });
}

/** `gantry apply --plan PLAN`: what was planned, if nothing has changed since. */
export async function applyPlanCommand(
  io: Io,
  options: GlobalOptions & { readonly detach?: boolean },
  path: string,
): Promise<number> {
  const { token, ...wanted } = await readPlanFile(path);
  return applyWanted(io, options, { ...wanted, ifUnchanged: token });
}

/** `gantry config`: the specs that the file means. */
export async function configCommand(io: Io, options: ApplyOptions): Promise<number> {
  const { compose } = await loadCompose(io, options);
  const { stack, services } = compose;
  io.stdout.write(asData(options.output === 'json' ? 'json' : 'yaml', { stack, services }));
  return 0;
}

/** What of a file's configs and secrets goes to the controller. */
export function contentValues({ contents }: Pick<ComposeResult, 'contents'>): ContentValue[] {
  return contents.map(({ kind, name, value }) => ({ kind, name, value: Buffer.from(value) }));
}

/** The controller names the field; the file knows where it stands. */
export function located(error: unknown, file: string, source: string, compose: ComposeResult): unknown {
  if (!(error instanceof CallError) || error.path === undefined) return error;
  const problem = { ...compose.locate(error.path), message: error.message };
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new GantryError(error.code, showProblems(file, source, [problem]), hint);
}

interface Loaded {
  readonly source: string;
  readonly compose: ComposeResult;
}

/** Reads and checks the file; throws `invalid` with everything that is wrong, each with its place. */
export async function loadCompose(
  io: Io,
  { file, stack }: Pick<FileOptions, 'file' | 'stack'>,
): Promise<Loaded> {
  const source = await readFile(file, 'utf8').catch((cause: unknown) => {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new GantryError('invalid', missing ? `${file} does not exist` : `${file} cannot be read`, {
      hint: 'name the Compose file with -f FILE',
      cause,
    });
  });
  const directory = dirname(resolve(file));
  const fromDirectory = (name: string): string | undefined => {
    try {
      return readFileSync(resolve(directory, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const compose = readCompose({
    source,
    stack: { fallback: stackName(basename(directory)), ...(stack !== undefined && { given: stack }) },
    variables: { ...parseEnvFile(fromDirectory('.env') ?? '', io.env).values, ...io.env },
    readFile: fromDirectory,
    readBytes: (name) => readAtMost(resolve(directory, name), maxContentBytes.config + 1),
    sugar: /(^|\.)gantry\.ya?ml$/.test(basename(file)),
  });
  if (compose.problems.length > 0)
    throw new GantryError('invalid', showProblems(file, source, compose.problems));
  for (const { line, message } of compose.notices) io.stderr.write(`${file}:${line}: note: ${message}\n`);
  return { source, compose };
}

/** The beginning of a file; undefined if it cannot be read. */
function readAtMost(path: string, most: number): Uint8Array | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(most);
      let length = 0;
      for (let read = -1; read !== 0 && length < most; length += read)
        read = readSync(fd, bytes, length, most - length, null);
      return bytes.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** A directory's name made into a stack's, as Compose does. */
function stackName(directory: string): string {
  return (
    directory
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '') || 'stack'
  );
}
