import { spawn } from 'node:child_process';
import { linesOf } from './lines-of.ts';

/** A program that stays, and is told one line after another. */
export interface Conversation {
  /** Lost if it has ended. */
  say(line: string): void;
  /** Kills it, and waits until it is gone. Idempotent. */
  end(): Promise<void>;
}

/**
 * Starts an argv in a directory, with PATH alone for its environment, and hands over each line of its stdout and stderr, in
 * the order that it said them. `onEnd` hears once that it ended by itself or could not start. Its stdin ends with this process.
 */
export type Converse = (
  argv: readonly string[],
  cwd: string,
  onLine: (line: string) => void,
  onEnd: (why: string) => void,
) => Conversation;

export const converse: Converse = (argv, cwd, onLine, onEnd) => {
  // A session of its own: Ctrl-C is this process's to hear.
  const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', ...argv], {
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd,
    detached: true,
    env: { PATH: process.env['PATH'] },
  });
  const end = linesOf(child, onLine, onEnd);
  child.stdin.on('error', () => undefined); // its end is told by `close`
  return {
    say: (line) => void child.stdin.write(`${line}\n`),
    end: () => end('SIGKILL'),
  };
};
