import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { showDescription } from '../output/describe.ts';
import { asData } from '../output/output.ts';
import { createPaint } from '../output/paint.ts';
import { showWhy } from '../output/why.ts';

/** `gantry why NAME`: why a service, task or host is as it is; of a stack, a word about each of its services. */
export function whyCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { answers } = await client.call(client.control.why.bind(client.control), { name });
    const paint = createPaint(options.color ?? 'auto', io.stdout);
    if (output.format === 'json' || output.format === 'yaml') io.stdout.write(asData(output.format, answers));
    else if (output.format === 'name') io.stdout.write(answers.map(({ answer }) => `${answer}\n`).join(''));
    else
      io.stdout.write(
        answers.map((one) => showWhy(brief(one, answers.length), Date.now(), paint)).join('\n'),
      );
    return 0;
  });
}

/** Of many, the past is left to the single ones. */
function brief<T extends { timeline: unknown[] }>(answer: T, count: number): T {
  return count > 1 ? { ...answer, timeline: [] } : answer;
}

/** `gantry describe NAME`: all about one service, task or host. */
export function describeCommand(io: Io, options: GlobalOptions, name: string): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const all = await client.call(client.control.describe.bind(client.control), { name });
    const paint = createPaint(options.color ?? 'auto', io.stdout);
    if (output.format === 'json' || output.format === 'yaml') io.stdout.write(asData(output.format, all));
    else io.stdout.write(showDescription(all, Date.now(), paint));
    return 0;
  });
}
