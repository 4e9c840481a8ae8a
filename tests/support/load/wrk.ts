import { execFile } from 'node:child_process';

/** What `wrk` says of a run. */
export interface WrkResult {
  readonly requests: number;
  /** Its own words about what went wrong; none: nothing did. */
  readonly wrong: readonly string[];
}

/** `wrk` on a URL for so many seconds, by four connections that are kept, or by a new one for each request. */
export function wrk(url: string, seconds: number, connections: 'kept' | 'new'): Promise<WrkResult> {
  const close = connections === 'new' ? ['-H', 'Connection: close'] : [];
  const argv = ['-t', '1', '-c', '4', '-d', `${seconds}s`, '--timeout', '10s', ...close, url];
  return new Promise((resolve, reject) => {
    execFile('wrk', argv, { timeout: (seconds + 30) * 1_000 }, (error, stdout) => {
      if (error) return reject(error);
      const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
      const wrong = stdout.split('\n').filter((line) => /Socket errors|Non-2xx/.test(line));
      resolve({ requests, wrong: wrong.map((line) => `${url}, ${connections}: ${line.trim()}`) });
    });
  });
}
