import type { LogLine } from './logs.ts';

/**
 * Parses lines of conmon's `k8s-file` format: `2026-01-02T03:04:05.123456789+00:00 stdout F text`; `P` marks a piece of a
 * longer line. A line that is not of this form (torn by a crash) is undefined.
 */
export function parseLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(0x20);
  const second = line.indexOf(0x20, first + 1);
  const third = line.indexOf(0x20, second + 1);
  if (first <= 0 || second < 0 || third < 0) return undefined;
  const at = Date.parse(line.toString('latin1', 0, first).replace(/(\.\d{3})\d+/, '$1'));
  const stream = line.toString('latin1', first + 1, second);
  if (Number.isNaN(at) || (stream !== 'stdout' && stream !== 'stderr')) return undefined;
  return { at, stream, text: line.subarray(third + 1) };
}
