import { fork, type ChildProcess } from 'node:child_process';
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
  const server = fork(join(root, 'bench/dns-server.ts'), [String(services)], {
    execArgv: ['--import', 'tsx'],
  });
  const { port } = await hear<{ port: number }>(server);
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: 1 << 20,
    lookup: (name, _, done) => done(null, name, 4),
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  try {
    await paced(socket, port);
    const figures = { p50: [] as number[], p99: [] as number[], cpu: [] as number[], flat: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const before = await cpuOf(server);
      const latencies = await paced(socket, port);
      figures.cpu.push(((await cpuOf(server)) - before) / seconds);
      figures.p50.push(latencies[latencies.length >> 1] ?? NaN);
      figures.p99.push(latencies[Math.floor(latencies.length * 0.99)] ?? NaN);
      figures.flat.push(await flatOut(socket, port));
    }
    return {
      setup: `${services} services, ${rate} questions a second for ${seconds} s over UDP from one socket, the server in a process of its own; ${rounds} rounds`,
      figures: [
        { what: 'median answer', ours: figures.p50, target: '–' },
        { what: '99 % of the answers within', ours: figures.p99, target: '< 2 ms' },
        {
          what: `CPU time of the server for ${rate} questions`,
          ours: figures.cpu,
          target: '< 1000 ms, one core',
        },
        { what: `${rate} questions, 32 under way`, ours: figures.flat, target: '< 1000 ms' },
      ],
    };
  } finally {
    socket.close();
    server.disconnect();
  }
}

function question(id: number): Buffer {
  const name = `web${id % services}.shop.gantry.internal`;
  return dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
  });
}

/** Latencies in ms, sorted. */
async function paced(socket: Socket, port: number): Promise<readonly number[]> {
  const total = rate * seconds;
  const sentAt = new Float64Array(65_536);
  const latencies: number[] = [];
  const listener = (message: Buffer): void => {
    latencies.push(performance.now() - (sentAt[message.readUInt16BE(0)] ?? 0));
  };
  socket.on('message', listener);
  const started = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * rate));
    for (; sent < due; sent++) {
      sentAt[sent] = performance.now();
      socket.send(question(sent), port, '127.0.0.1');
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  socket.off('message', listener);
  // One that was never answered is as late as can be.
  while (latencies.length < total) latencies.push(Infinity);
  return latencies.sort((a, b) => a - b);
}

/** Ms for `rate` questions with 32 under way. */
function flatOut(socket: Socket, port: number): Promise<number> {
  return new Promise((resolve) => {
    const started = performance.now();
    let [sent, answered] = [0, 0];
    const ask = (): void => {
      if (sent < rate) socket.send(question(sent++), port, '127.0.0.1');
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
