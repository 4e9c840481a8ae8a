import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/**
 * Hands over each line that a child says. `onEnd` hears once that it ended by itself or could not start. The answer ends it
 * with a signal, after which nothing more is heard of it, and waits until it is gone. Idempotent.
 */
export function linesOf(
  child: ChildProcessByStdio<Writable | null, Readable, null>,
  onLine: (line: string) => void,
  onEnd: (why: string) => void,
): (signal: NodeJS.Signals) => Promise<void> {
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
  return async (signal) => {
    stopped = true;
    child.kill(signal);
    await ended;
  };
}
