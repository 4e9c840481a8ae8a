import { status, type ServiceError } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';
import type { LogEntry, LogsResponse } from '@gantry/proto/gen/gantry/v1/control';
import { parseDuration } from '../compose/units.ts';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { createPaint, type Paint } from '../output/paint.ts';

export interface LogsOptions extends GlobalOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly previous?: boolean;
}

const colours = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'] as const;

/** `gantry logs`: every replica of what is named, each line with its origin. */
export function logsCommand(io: Io, options: LogsOptions, names: readonly string[]): Promise<number> {
  const request = { names: [...names], options: logOptions(options) };
  const paint = createPaint(options.color ?? 'auto', io.stdout);
  return withContext(io, options, ({ client, output }) => {
    return new Promise((resolve, reject) => {
      const stream = client.control.logs(request);
      const deafen = io.onInterrupt(() => {
        stream.cancel();
        resolve(130);
      });
      stream.on('error', (error: ServiceError) => {
        deafen();
        if (error.code !== status.CANCELLED) reject(client.explain(error));
      });
      stream.on('data', ({ entries, warnings }: LogsResponse) => {
        for (const words of warnings) output.say(`warning: ${words}`);
        const text = entries.map((entry) =>
          output.format === 'json' ? asJson(entry) : asLine(entry, options, paint),
        );
        if (text.length > 0 && !io.stdout.write(text.join(''))) {
          stream.pause();
          io.stdout.once('drain', () => stream.resume());
        }
      });
      stream.on('end', () => {
        deafen();
        resolve(0);
      });
    });
  });
}

function logOptions({ follow, tail, since, previous }: LogsOptions) {
  if (tail !== undefined && tail !== 'all' && !/^\d+$/.test(tail)) {
    throw new GantryError('invalid', `-n ${tail}: write a number of lines, or all`);
  }
  const ago = since === undefined ? undefined : parseDuration(since);
  const at = since === undefined || ago !== undefined ? undefined : Date.parse(since);
  if (at !== undefined && Number.isNaN(at))
    throw new GantryError('invalid', `--since ${since ?? ''}: write e.g. 10m, or a date and time`);
  return {
    follow: follow ?? false,
    previous: previous ?? false,
    tail: tail === undefined || tail === 'all' ? undefined : Number(tail),
    since: ago === undefined ? at : Date.now() - ago,
  };
}

function asLine(entry: LogEntry, { timestamps }: LogsOptions, paint: Paint): string {
  const name = entry.slot === 0 ? `${entry.service}@${entry.node}` : `${entry.service}.${entry.slot}`;
  const colour = colours[(entry.slot + name.length) % colours.length] ?? 'cyan';
  const prefix = paint(colour, name);
  const time = timestamps ? `${new Date(entry.line?.at ?? 0).toISOString()} ` : '';
  return `${prefix} | ${time}${entry.line?.text.toString('utf8') ?? ''}\n`;
}

function asJson({ service, slot, node, line }: LogEntry): string {
  const text = line?.text.toString('utf8') ?? '';
  return `${JSON.stringify({ service, slot, node, task: line?.taskId, at: line?.at, stream: line?.stream, text })}\n`;
}
