import { readFile } from 'node:fs/promises';
import { sleep, type Clock } from '@gantry/kit/clock';
import { inboundConnections } from './connections.ts';

/** The kernel tells nobody that a connection of another namespace has ended, so it is looked for this often, ms. */
const lookMs = 100;

export interface DrainInput {
  readonly clock: Clock;
  /** Open connections that others made to the container. */
  readonly count: () => Promise<number>;
  /** True once there is nothing left to wait for. */
  readonly over: () => boolean;
  readonly drainMs: number;
  /** Hears of it once, if there is something to wait for. */
  readonly waiting: (count: number) => Promise<void>;
}

/** Waits until the connections to a container have ended, at most `drainMs`; at once if there is none. */
export async function drain({ clock, count, over, drainMs, waiting }: DrainInput): Promise<void> {
  const until = clock.monotonic() + drainMs;
  let told = false;
  while (clock.monotonic() < until && !over()) {
    const open = await count();
    if (open === 0) return;
    if (!told) await waiting(open);
    told = true;
    await sleep(clock, Math.min(lookMs, until - clock.monotonic()));
  }
}

/** Connections to a process's network namespace; none if it is gone. */
export async function connectionsTo(pid: number): Promise<number> {
  const tables = ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => ''));
  return inboundConnections(...(await Promise.all(tables)));
}
