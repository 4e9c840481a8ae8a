// Asks URLs without a pause, half of the askers on connections that they keep, half on a new one each time, until its
// standard input ends; then prints what became of the requests as JSON. Usage: client.mjs ASKERS URL…
import { Agent, request } from 'node:http';

const [count, ...urls] = process.argv.slice(2);
const askers = Number(count);
/** A request that takes longer than this has been lost, ms. */
const patience = 5_000;
const result = { ok: 0, kept: 0, failed: 0, errors: {}, versions: {}, slowestMs: 0 };
let running = true;

process.stdin.resume().on('end', () => (running = false));
const all = urls.flatMap((url) =>
  Array.from({ length: askers }, (_, index) =>
    asker(url, index % 2 === 0 ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined),
  ),
);
await Promise.all(all);
process.stdout.write(`${JSON.stringify(result)}\n`);

async function asker(url, agent) {
  while (running) {
    const started = performance.now();
    try {
      const body = await ask(url, agent ?? new Agent({ keepAlive: false }));
      const version = body.split(' ')[0];
      result.ok++;
      if (agent) result.kept++;
      result.versions[version] = (result.versions[version] ?? 0) + 1;
    } catch (error) {
      const word = `${agent ? 'kept' : 'new'} ${error.code ?? error.message}`;
      result.failed++;
      result.errors[word] = (result.errors[word] ?? 0) + 1;
    }
    result.slowestMs = Math.max(result.slowestMs, Math.round(performance.now() - started));
    // A steady load, not as much as the machine can take.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  agent?.destroy();
}

function ask(url, agent) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, timeout: patience }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => (body += text));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`status ${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', reject);
    asked.end();
  });
}
