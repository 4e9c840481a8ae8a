import { connect } from 'node:net';
import { GantryError } from '@gantry/kit/errors';

/** Asks `ready` every `everyMs` until it answers something; throws `timeout` naming what was waited for. */
export async function waitFor<T>(
  what: string,
  ready: () => Promise<T | undefined>,
  timeoutMs: number,
  everyMs = 50,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ready();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      throw new GantryError('timeout', `${what} did not happen within ${Math.round(timeoutMs / 1000)} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Resolves once something accepts connections at host:port. */
export async function waitForPort(host: string, port: number, timeoutMs: number): Promise<void> {
  await waitFor(`a listener on ${host}:${port}`, () => connects(host, port), timeoutMs);
}

/** Throws `conflict` if something accepts connections at host:port. */
export async function refuseTakenPort(host: string, port: number): Promise<void> {
  if ((await connects(host, port)) === undefined) return;
  throw new GantryError(
    'conflict',
    `port ${port} of ${host} is taken: another cluster runs on this machine`,
    {
      hint: 'end it, or start this one with `gantry dev --no-loopback --name NAME`',
    },
  );
}

function connects(host: string, port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const done = (answer: true | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(undefined));
    socket.once('timeout', () => done(undefined));
  });
}
