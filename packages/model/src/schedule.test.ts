import { describe, expect, test } from 'vitest';
import { lastDue, nextDue, scheduleProblem } from './schedule.ts';

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

describe('a schedule', () => {
  test('is due next strictly after a moment, in its time zone', () => {
    expect(iso(nextDue('0 3 * * *', 'UTC', at('2026-01-01T03:00:00Z')))).toBe('2026-01-02T03:00:00.000Z');
    expect(iso(nextDue('0 3 * * *', 'America/New_York', at('2026-01-01T03:00:00Z')))).toBe(
      '2026-01-01T08:00:00.000Z',
    );
    expect(iso(nextDue('@hourly', 'UTC', at('2026-01-01T03:10:00Z')))).toBe('2026-01-01T04:00:00.000Z');
  });

  test('is due once on the day that has no such hour, and once on the day that has it twice', () => {
    const days = (from: string, until: string): readonly (string | undefined)[] => {
      const found: (string | undefined)[] = [];
      for (
        let next = nextDue('30 2 * * *', 'Europe/Berlin', at(from));
        next !== undefined && next < at(until);
      ) {
        found.push(iso(next));
        next = nextDue('30 2 * * *', 'Europe/Berlin', next);
      }
      return found;
    };
    expect(days('2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z')).toHaveLength(2);
    expect(days('2026-10-24T12:00:00Z', '2026-10-26T12:00:00Z')).toHaveLength(2);
  });

  test('knows the last time it was due, up to and with a moment', () => {
    const [from, until] = [at('2026-01-01T00:30:00Z'), at('2026-01-01T05:00:00Z')];
    expect(iso(lastDue('0 * * * *', 'UTC', from, until))).toBe('2026-01-01T05:00:00.000Z');
    expect(iso(lastDue('0 * * * *', 'UTC', from, until + 59 * 60_000))).toBe('2026-01-01T05:00:00.000Z');
    expect(lastDue('0 * * * *', 'UTC', until, until + 1_000)).toBeUndefined();
  });

  test.each([
    ['0 25 * * *', 'UTC'],
    ['every day', 'UTC'],
    ['0 3 * * *', 'Mars/Phobos'],
    ['0 0 30 2 *', 'UTC'],
  ])('%s in %s is refused with a reason', (schedule, zone) => {
    expect(scheduleProblem(schedule, zone)).toContain(`"${schedule}"`);
  });
});
