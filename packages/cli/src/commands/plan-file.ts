import { readFile, writeFile } from 'node:fs/promises';
import { GantryError } from '@gantry/kit/errors';
import type { ContentValue } from '@gantry/proto/gen/gantry/v1/content';
import type { ServiceSpec } from '@gantry/proto/gen/gantry/v1/types';

/** What `plan --out` keeps for `apply --plan`: all that is asked for, and the world in which it was looked at. */
export interface PlanFile {
  readonly stack: string;
  readonly services: readonly ServiceSpec[];
  /** Configs; never a secret. */
  readonly contents: readonly ContentValue[];
  readonly prune: boolean;
  readonly token: string;
}

const format = 'gantry-plan/1';

/** Specs may hold secrets: only the owner reads the file. */
export async function writePlanFile(path: string, plan: PlanFile): Promise<void> {
  const contents = plan.contents.map(({ value, ...rest }) => ({ ...rest, value: value.toString('base64') }));
  const text = JSON.stringify({ format, ...plan, contents }, undefined, 2);
  await writeFile(path, `${text}\n`, { mode: 0o600 });
}

/** Throws `invalid` if the file is no plan of this version. */
export async function readPlanFile(path: string): Promise<PlanFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new GantryError('invalid', `${path} cannot be read`, {
      hint: 'make it: gantry plan -f FILE --out PLAN',
      cause,
    });
  });
  const plan = parsed(text);
  if (plan?.format === format) {
    const contents = (plan.contents ?? []).map(({ kind, name, value }) => {
      return { kind, name, value: Buffer.from(value, 'base64') };
    });
    return { ...plan, contents };
  }
  throw new GantryError('invalid', `${path} is no plan that this gantry can read`, {
    hint: 'make it anew: gantry plan -f FILE --out PLAN',
  });
}

type Written = Omit<PlanFile, 'contents'> & {
  readonly format: string;
  /** Absent: of a time without them. */
  readonly contents?: readonly (Omit<ContentValue, 'value'> & { readonly value: string })[];
};

function parsed(text: string): Written | undefined {
  try {
    return JSON.parse(text) as Written;
  } catch {
    return undefined;
  }
}
