import type { Problem } from './rules.ts';

/** How much of a container's output its host keeps. */
export interface LogSpec {
  /** A file of the log is closed at this size, bytes. */
  readonly maxBytes: number;
  /** Files that are kept; the oldest goes first. */
  readonly maxFiles: number;
}

/** 10 MiB × 5 (product default). */
export const defaultLogging: LogSpec = { maxBytes: 10 << 20, maxFiles: 5 };

/** Smaller files would be rotated all the time, bytes. */
const leastBytes = 64 << 10;

/** What is wrong with it; paths as in the spec. */
export function loggingProblems(logging: LogSpec | undefined): readonly Problem[] {
  if (logging === undefined) return [];
  const { maxBytes, maxFiles } = logging;
  const problems: Problem[] = [];
  if (!(Number.isInteger(maxBytes) && maxBytes >= leastBytes && maxBytes <= 2 ** 40))
    problems.push({ path: 'container.logging.maxBytes', message: 'max-size must be 64k to 1024g' });
  if (!(Number.isInteger(maxFiles) && maxFiles >= 1 && maxFiles <= 1_000))
    problems.push({ path: 'container.logging.maxFiles', message: 'max-file must be 1 to 1000' });
  return problems;
}
