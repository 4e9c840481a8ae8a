import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { join } from 'node:path';
import dnsPacket from 'dns-packet';
import { root } from '../tests/support/imports.ts';
import type { BenchResult } from './report.ts';

const rate = 5_000;
const seconds = 3;
const rounds = 5;
const services = 1_000;

/** Questions at a fixed rate, whether answered or not; then as many as can be with some under way. */
export async function run(): Promise<BenchResult> {
  const [server, echo] = ['dns-server.ts', 'udp-echo.ts'].map((name) =>
    fork(join(root, 'bench', name), [String(services)], { execArgv: ['--import', 'tsx'] }),
  ) as [ChildProcess, ChildProcess];
  const [{ port }, { port: echoPort }] = await Promise.all([
    hear<{ port: number }>(server),
    hear<{ port: number }>(echo),
  ]);
  // The asker never rests: on the server's core it would keep it waiting for a slice of the scheduler's, 3 ms.
  for (const { pid } of [server, echo]) pin(pid, 0);
  pin(process.pid, 1);
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: 1 << 20,
    lookup: (name, _, done) => done(null, name, 4),
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  try {
    for (const to of [port, echoPort]) await paced(socket, to);
    const figures = { p50: [] as number[], p99: [] as number[], cpu: [] as number[], flat: [] as number[] };
    const peer = { p50: [] as number[], p99: [] as number[], flat: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const before = await cpuOf(server);
      const latencies = await paced(socket, port);
      figures.cpu.push(((await cpuOf(server)) - before) / seconds);
      figures.p50.push(at(latencies, 0.5));
      figures.p99.push(at(latencies, 0.99));
      figures.flat.push(await flatOut(socket, port));
      const echoed = await paced(socket, echoPort);
      peer.p50.push(at(echoed, 0.5));
      peer.p99.push(at(echoed, 0.99));
      peer.flat.push(await flatOut(socket, echoPort));
    }
    return {
      setup: `${services} services, ${rate} questions a second for ${seconds} s over UDP from one socket, the server in a process of its own on one core, the asker on the other; in turn with one that only echoes; ${rounds} rounds`,
      figures: [
        { what: 'median answer', ours: figures.p50, peer: echoing(peer.p50), target: '–' },
        { what: '99 % of the answers within', ours: figures.p99, peer: echoing(peer.p99), target: '< 2 ms' },
        {
          what: `CPU time of the server for ${rate} questions`,
          ours: figures.cpu,
          target: '< 1000 ms, one core',
        },
        {
          what: `${rate} questions, 32 under way`,
          ours: figures.flat,
          peer: echoing(peer.flat),
          target: '< 1000 ms',
        },
      ],
    };
  } finally {
    socket.close();
    server.disconnect();
    echo.disconnect();
  }
}

/** Made before anything is timed: what the asker's own memory costs is no latency of the server. */
const questions = Array.from({ length: rate * seconds }, (_, id) => encoded(id));

function at(sorted: Float64Array, share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? NaN;
}

function echoing(values: readonly number[]): { readonly name: string; readonly values: readonly number[] } {
  return { name: 'a server that only echoes', values };
}

/** All threads of a process, to one core. */
function pin(pid: number | undefined, core: number): void {
  execFileSync('taskset', ['-apc', String(core), String(pid)], { stdio: 'ignore' });
}

function encoded(id: number): Buffer {
  const name = `web${id % services}.shop.gantry.internal`;
  return dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
  });
}

/** Latencies in ms, sorted. */
async function paced(socket: Socket, port: number): Promise<Float64Array> {
  const total = rate * seconds;
  const sentAt = new Float64Array(65_536);
  // One that is never answered is as late as can be.
  const latencies = new Float64Array(total).fill(Infinity);
  const listener = (message: Buffer): void => {
    const id = message.readUInt16BE(0);
    latencies[id] = performance.now() - (sentAt[id] ?? 0);
  };
  socket.on('message', listener);
  const started = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * rate));
    for (; sent < due; sent++) {
      sentAt[sent] = performance.now();
      socket.send(questions[sent] ?? '', port, '127.0.0.1');
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  socket.off('message', listener);
  return latencies.sort();
}

/** Ms for `rate` questions with 32 under way. */
function flatOut(socket: Socket, port: number): Promise<number> {
  return new Promise((resolve) => {
    const started = performance.now();
    let [sent, answered] = [0, 0];
    const ask = (): void => {
      if (sent < rate) socket.send(questions[sent++] ?? '', port, '127.0.0.1');
    };
    const listener = (): void => {
      if (++answered < rate) return ask();
      socket.off('message', listener);
      resolve(performance.now() - started);
    };
    socket.on('message', listener);
    for (let index = 0; index < 32; index++) ask();
  });
}

async function cpuOf(server: ChildProcess): Promise<number> {
  server.send('cpu');
  return (await hear<{ cpuMs: number }>(server)).cpuMs;
}

function hear<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
}
