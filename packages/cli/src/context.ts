import { Client } from './client.ts';
import { GantryError } from '@gantry/kit/errors';
import { createOutput, type Output } from './output/output.ts';
import { parseDuration } from './compose/units.ts';
import { formats, progressKinds, type ProgressKind } from './options.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly controller?: string;
  readonly output?: string;
  readonly quiet?: boolean;
  readonly timeout?: string;
  readonly progress?: string;
}

/** A unary call must answer within, ms; applying may resolve images at slow registries. */
const callMs = 60_000;

/** What a command works with. */
export interface Context {
  readonly client: Client;
  readonly output: Output;
  /** For waiting, ms. */
  readonly timeoutMs: number;
  readonly progress: ProgressKind;
}

/** Runs a command with its context and closes the connection afterwards. */
export async function withContext(
  options: GlobalOptions,
  run: (context: Context) => Promise<number>,
): Promise<number> {
  const format = chosen(options.quiet ? 'name' : (options.output ?? 'table'), formats, '-o');
  const progress = chosen(options.progress ?? 'auto', progressKinds, '--progress');
  const timeoutMs = parseDuration(options.timeout ?? '5m');
  if (timeoutMs === undefined)
    throw new GantryError('invalid', `--timeout ${options.timeout ?? ''}: write e.g. 30s or 5m`);
  const address = options.controller ?? process.env['GANTRY_CONTROLLER'] ?? '127.0.0.1:7443';
  const client = new Client(address, callMs);
  try {
    return await run({ client, output: createOutput(format), timeoutMs, progress });
  } finally {
    client.close();
  }
}

function chosen<T extends string>(value: string, known: readonly T[], flag: string): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  throw new GantryError('invalid', `${flag} ${value} is not known`, { hint: `use ${known.join(', ')}` });
}
