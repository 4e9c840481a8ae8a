import { randomHistory, type History } from '@gantry/sim/history';
import { play, type PlayOptions } from '@gantry/sim/play';
import { shrink } from '@gantry/sim/shrink';

/** Histories of one test run; `npm run test:sim -- --long` asks for more. */
export const wanted = Number(process.env['HISTORIES'] ?? 1_000);

/** Plays the histories of the seeds from `first` on, every `step`-th, up to `count` in all; throws with the first that breaks a promise. */
export async function playAll(first: number, step: number, count: number): Promise<void> {
  const seed = process.env['SEED'];
  if (seed !== undefined) return first === 0 ? playOne(Number(seed)) : undefined;
  for (let at = first; at < count; at += step) await playOne(at);
}

async function playOne(seed: number): Promise<void> {
  const history = randomHistory(seed);
  const { broken } = await play(history);
  if (broken !== undefined) throw new Error(await explain(history, broken));
}

/** Everything that one needs to see why: the shortest history that fails alike, and its last steps. */
export async function explain(history: History, broken: string, options: PlayOptions = {}): Promise<string> {
  const alike = kindOf(broken);
  const short = await shrink(
    history,
    async (shorter) => kindOf((await play(shorter, options)).broken) === alike,
    200,
  );
  const { story, broken: why } = await play(short, { ...options, tell: true });
  const steps = short.steps.map((step) => `  ${JSON.stringify(step)}`);
  return [
    `seed ${history.seed}: ${why ?? broken}`,
    `again: SEED=${history.seed} npm run test:sim`,
    `shrunk to ${short.steps.length} of ${history.steps.length} steps, ${short.hosts} hosts, ${short.controllers} controllers:`,
    ...steps,
    'the last of what happened (seconds):',
    ...story.slice(-40).map((line) => `  ${line.slice(0, 240)}`),
  ].join('\n');
}

/** What is broken, without the names of this history. */
function kindOf(broken: string | undefined): string | undefined {
  return broken?.replace(/[0-9a-z]{12}|\d+/g, '…').slice(0, 40);
}

/** The first seed below `most` whose history `concerns` it and breaks a promise with these options, with what it breaks. */
export async function firstBroken(
  options: PlayOptions,
  most: number,
  concerns: (history: History) => boolean = () => true,
): Promise<{ readonly seed: number; readonly broken: string } | undefined> {
  for (let seed = 0; seed < most; seed++) {
    const history = randomHistory(seed);
    if (!concerns(history)) continue;
    const { broken } = await play(history, options);
    if (broken !== undefined) return { seed, broken };
  }
  return undefined;
}
