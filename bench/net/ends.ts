import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { exec, execOk } from '@gantry/kit/exec';
import { root } from '../../tests/support/imports.ts';

const program = join(root, 'bench/net/ping.pl');
export const pingPort = 7_000;

/** Servers in a container's namespace: iperf3 and the one that is timed. Ends with the answer. */
export async function serveIn(netns: string): Promise<() => Promise<void>> {
  const iperf = enter(netns, ['iperf3', '--server', '--forceflush']);
  const ping = enter(netns, ['perl', program, 'serve', String(pingPort)]);
  await Promise.all([iperf, ping].map(listens));
  return async () => {
    await Promise.all([iperf, ping].map((child) => ended(child)));
  };
}

/** Mbit a second of one TCP connection over a second and a half. */
export async function throughput(netns: string, to: string): Promise<number> {
  const argv = ['iperf3', '--client', to, '--time', '1.5', '--omit', '0', '--json'];
  const said = await execOk(exec, ['nsenter', `--net=${netns}`, ...argv]);
  const { end } = JSON.parse(said) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e6;
}

export interface Latencies {
  /** Sorted, µs. */
  readonly connect: readonly number[];
  readonly answer: readonly number[];
}

export async function latencies(netns: string, to: string, count: number): Promise<Latencies> {
  const argv = ['perl', program, 'ask', to, String(pingPort), String(count)];
  const lines = (await execOk(exec, ['nsenter', `--net=${netns}`, ...argv])).split('\n');
  const of = (what: string): readonly number[] =>
    lines
      .filter((line) => line.startsWith(`${what} `))
      .map((line) => Number(line.split(' ')[1]))
      .sort((a, b) => a - b);
  return { connect: of('connect'), answer: of('answer') };
}

export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

function enter(netns: string, argv: readonly string[]): ChildProcess {
  return spawn('nsenter', [`--net=${netns}`, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function listens({ stdout }: ChildProcess): Promise<void> {
  if (stdout) await once(stdout, 'data');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
