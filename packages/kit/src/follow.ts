import { spawn } from 'node:child_process';
import { linesOf } from './lines-of.ts';

/**
 * Runs an argv that goes on talking and hands over each line it says; `onEnd` hears once that it ended by itself or could
 * not start. The answer ends it, and waits until it has ended.
 */
export type Follow = (
  argv: readonly string[],
  onLine: (line: string) => void,
  onEnd: (why: string) => void,
) => () => Promise<void>;

export const follow: Follow = (argv, onLine, onEnd) => {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const end = linesOf(child, onLine, onEnd);
  return () => end('SIGTERM');
};
