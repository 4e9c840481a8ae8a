import type { LogLine } from './logs.ts';
import { isMarkedAway, type Segment } from './segments.ts';

/** What a reader is told between two files when there were others between them, or may have been; undefined if there were none. */
export async function gapBetween(dir: string, read: Segment, next: Segment): Promise<LogLine | undefined> {
  const away = next.number !== undefined && (await isMarkedAway(dir, next.number));
  const words = gapWords(read.number, next.number, away);
  if (words === undefined) return undefined;
  return { at: read.writtenAt, stream: 'stderr', text: Buffer.from(`[gantry: ${words}]`) };
}

/** A file without a number yet is the newest, and follows the one before. */
export function gapWords(
  read: number | undefined,
  next: number | undefined,
  away: boolean,
): string | undefined {
  const missing = read === undefined || next === undefined ? 0 : next - read - 1;
  const files = `${missing} file${missing === 1 ? '' : 's'}`;
  if (missing > 0)
    return `output is missing here: ${files} of this log were gone before they could be kept or read`;
  return away ? 'output may be missing here: it was written while the agent was away' : undefined;
}
