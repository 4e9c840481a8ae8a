import { readFile, writeFile } from 'node:fs/promises';
import { GantryError } from '@gantry/kit/errors';
import type { ServiceSpec } from '@gantry/proto/gen/gantry/v1/types';

/** What `plan --out` keeps for `apply --plan`: all that is asked for, and the world in which it was looked at. */
export interface PlanFile {
  readonly stack: string;
  readonly services: readonly ServiceSpec[];
  readonly prune: boolean;
  readonly token: string;
}

const format = 'gantry-plan/1';

/** Specs may hold secrets: only the owner reads the file. */
export async function writePlanFile(path: string, plan: PlanFile): Promise<void> {
  await writeFile(path, `${JSON.stringify({ format, ...plan }, undefined, 2)}\n`, { mode: 0o600 });
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
  if (plan?.format === format) return plan;
  throw new GantryError('invalid', `${path} is no plan that this gantry can read`, {
    hint: 'make it anew: gantry plan -f FILE --out PLAN',
  });
}

function parsed(text: string): (PlanFile & { readonly format: string }) | undefined {
  try {
    return JSON.parse(text) as PlanFile & { readonly format: string };
  } catch {
    return undefined;
  }
}
