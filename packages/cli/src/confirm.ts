import { createInterface } from 'node:readline/promises';
import { GantryError } from '@gantry/kit/errors';
import type { Io } from './io.ts';

/**
 * Asks a person before what cannot be undone; only `y` or `yes` is yes. Where nobody can be asked it throws `invalid`: a
 * script says `--yes`.
 */
export async function confirm(
  { stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>,
  question: string,
): Promise<boolean> {
  if (stdin.isTTY !== true)
    throw new GantryError('invalid', `${question} Nobody can be asked here`, { hint: 'write --yes' });
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
