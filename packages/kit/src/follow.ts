import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

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
  let stopped = false;
  const ended = new Promise<void>((resolve) => {
    const end = (why: string): void => {
      if (!stopped) onEnd(why);
      stopped = true;
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => end(`it ended with ${signal ?? String(code)}`));
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!stopped) onLine(line);
  });
  return async () => {
    stopped = true;
    child.kill('SIGTERM');
    await ended;
  };
};
