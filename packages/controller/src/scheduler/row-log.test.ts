import { expect, test } from 'vitest';
import { RowLog } from './row-log.ts';

test('forgets the oldest entries and says from where on it knows', () => {
  const log = new RowLog();
  for (let row = 0; row < 1_000; row++) log.push(row);
  expect(log.end).toBe(1_000);
  expect(log.start).toBeGreaterThan(0);
  for (let position = log.start; position < log.end; position++) expect(log.at(position)).toBe(position);
});

test('keeps what it knows when it is made longer', () => {
  const log = new RowLog();
  for (let row = 0; row < 1_000; row++) log.push(~row);
  const known = log.start;
  for (let rows = 0; rows < 1_000; rows++) log.fit(rows);
  for (let position = known; position < log.end; position++) expect(log.at(position)).toBe(~position);
  for (let row = 0; row < 4_000; row++) log.push(row);
  expect(log.end - log.start).toBeGreaterThanOrEqual(4 * 999);
});
