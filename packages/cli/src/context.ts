import { GantryError } from '@gantry/kit/errors';
import { Client } from './client.ts';
import { parseDuration } from './compose/units.ts';
import { controllerOf } from './controllers.ts';
import type { Io } from './io.ts';
import type { GlobalOptions, ProgressKind } from './options.ts';
import { createOutput, type Output } from './output/output.ts';
import { createPaint, type Paint } from './output/paint.ts';

/** A unary call must answer within, ms; applying may resolve images at slow registries. */
const callMs = 60_000;

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly client: Client;
  readonly output: Output;
  /** For waiting, ms. */
  readonly timeoutMs: number;
  readonly progress: ProgressKind;
  /** Colours for stderr. */
  readonly paint: Paint;
}

/** Runs a command with its context and closes the connection afterwards. */
export async function withContext(
  io: Io,
  options: GlobalOptions,
  run: (context: Context) => Promise<number>,
): Promise<number> {
  const timeout = options.timeout ?? '5m';
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined)
    throw new GantryError('invalid', `--timeout ${timeout} is not understood`, {
      hint: 'write e.g. 30s or 5m',
    });
  const client = new Client(await controllerOf(options, io.env), callMs);
  try {
    return await run({
      io,
      client,
      output: createOutput(io, options),
      timeoutMs,
      progress: options.progress ?? 'auto',
      paint: createPaint(options.color ?? 'auto', io.stderr),
    });
  } finally {
    client.close();
  }
}
