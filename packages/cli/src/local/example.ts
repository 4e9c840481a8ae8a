import { get } from 'node:http';
import { GantryError } from '@gantry/kit/errors';
import type { LocalHost } from './topology.ts';
import { waitFor } from './wait.ts';

const port = 8080;
const requestsPerHost = 6;

/** Asks the example on every host's published port and answers with what was heard, a line a host. */
export async function checkExample(hosts: readonly LocalHost[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const host of hosts) {
    const url = `http://${host.address}:${port}/`;
    await waitFor(`an answer from ${url}`, () => fetchText(url).catch(() => undefined), 10_000);
    const answers = new Set<string>();
    for (let i = 0; i < requestsPerHost; i++) answers.add((await fetchText(url)).trim());
    lines.push(`${url} answers: ${[...answers].sort().join(' · ')}`);
  }
  return lines;
}

/** GET over a new connection; throws on anything but 200. */
export function fetchText(url: string, timeoutMs = 2_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new GantryError('internal', `${url} answered ${String(response.statusCode)}`));
      });
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new GantryError('timeout', `${url} did not answer`)));
    request.on('error', reject);
  });
}
