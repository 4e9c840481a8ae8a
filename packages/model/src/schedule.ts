import { Cron } from 'croner';

/** When a cron schedule is next due after a moment, both ms since the epoch; undefined if never again. Throws for what is no schedule. */
export function nextDue(schedule: string, timeZone: string, after: number): number | undefined {
  return cron(schedule, timeZone).nextRun(new Date(after))?.getTime();
}

/** The last moment up to `until` at which it was due, if that lies after `after`. */
export function lastDue(
  schedule: string,
  timeZone: string,
  after: number,
  until: number,
): number | undefined {
  const [last] = cron(schedule, timeZone).previousRuns(1, new Date(until + 1));
  return last && last.getTime() > after ? last.getTime() : undefined;
}

/** Why a text is no schedule, or undefined: five fields of cron (or six, with seconds), or `@daily` and its like. */
export function scheduleProblem(schedule: string, timeZone: string): string | undefined {
  try {
    if (nextDue(schedule, timeZone, 0) !== undefined) return undefined;
    return `"${schedule}" is never due`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `"${schedule}" in ${timeZone} is not a schedule (write e.g. "0 3 * * *" or @daily): ${why}`;
  }
}

/** Without a function nothing is started: only arithmetic. */
function cron(schedule: string, timezone: string): Cron {
  return new Cron(schedule, { timezone });
}
