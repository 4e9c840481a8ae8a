import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Server as GrpcServer, ServerCredentials, status, type handleUnaryCall } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import type { HealthCheck, Probe } from '@gantry/model/health';
import type { ProbeResult } from '../health.ts';
import { probe } from './probe.ts';

/** Probes over the network, against real servers on loopback. */

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

const runtime = { exec: () => Promise.reject(new Error('no command is run here')) };

function ask(how: Probe, timeoutMs = 5_000, signal = new AbortController().signal): Promise<ProbeResult> {
  const check: HealthCheck = {
    probe: how,
    timeoutMs,
    intervalMs: 1_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 1_000,
  };
  return probe({ runtime, clock: systemClock }, { id: 't', address: '127.0.0.1' }, check, signal);
}

function listening(server: Server): Promise<number> {
  open.push(() => server.close());
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
}

const http = (answer: RequestListener): Promise<number> => listening(createHttpServer(answer));

/** A port that nobody listens on: one that was given back. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test.each([
  [200, true],
  [204, true],
  [302, true],
  [404, false],
  [503, false],
])('http: %i is well: %s', async (code, ok) => {
  const port = await http((request, response) => {
    response.writeHead(code, { location: 'http://127.0.0.1:1/' }).end(request.url);
  });
  expect(await ask({ kind: 'http', port, path: '/healthz' })).toEqual({
    ok,
    words: `HTTP ${code} from :${port}/healthz`,
  });
});

test('http: a body without end is not read, and a server that says nothing is late', async () => {
  const flood = await http((_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      if (response.write(Buffer.alloc(1 << 16))) setImmediate(more);
    };
    response.on('drain', more).on('error', () => undefined);
    more();
  });
  expect(await ask({ kind: 'http', port: flood, path: '/' })).toMatchObject({ ok: true });
  const silent = await http(() => undefined);
  expect(await ask({ kind: 'http', port: silent, path: '/' }, 50)).toEqual({
    ok: false,
    words: 'no answer within 0.05 s',
  });
});

test('tcp: a port that accepts is well, one that is closed is not', async () => {
  const port = await listening(createServer((socket) => socket.on('error', () => undefined).resume()));
  expect(await ask({ kind: 'tcp', port })).toEqual({ ok: true, words: '' });
  const closed = await closedPort();
  expect(await ask({ kind: 'tcp', port: closed })).toMatchObject({
    ok: false,
    words: expect.stringContaining(`port ${closed}: connect ECONNREFUSED`) as string,
  });
});

/** `HealthCheckResponse { status }`, as bytes. */
const answering = (value: number): Buffer => Buffer.from([0x08, value]);

async function grpc(handle: handleUnaryCall<{ readonly service: string }, Buffer>): Promise<number> {
  const server = new GrpcServer();
  const plain = {
    requestSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  const method = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes: Buffer) => ({ service: bytes.subarray(2).toString() }),
    responseSerialize: (bytes: Buffer) => bytes,
    ...plain,
  };
  server.addService({ check: method }, { check: handle });
  open.push(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

test('grpc: SERVING is well, for the service that was asked for', async () => {
  const port = await grpc(({ request }, done) =>
    done(null, answering(request.service === 'shop.Web' ? 1 : 2)),
  );
  expect(await ask({ kind: 'grpc', port, service: 'shop.Web' })).toEqual({
    ok: true,
    words: 'shop.Web is SERVING',
  });
  expect(await ask({ kind: 'grpc', port, service: '' })).toEqual({
    ok: false,
    words: 'the server is NOT_SERVING',
  });
});

test('grpc: no such service, no server and no answer are told apart', async () => {
  const port = await grpc((_call, done) => done({ code: status.NOT_FOUND, details: 'never heard of it' }));
  const unknown = await ask({ kind: 'grpc', port, service: 'x' });
  expect(unknown).toEqual({ ok: false, words: `grpc :${port}: NOT_FOUND: never heard of it` });
  const gone = await ask({ kind: 'grpc', port: await closedPort(), service: '' });
  expect(gone).toMatchObject({ ok: false, words: expect.stringContaining('UNAVAILABLE') as string });
  const silent = await grpc(() => undefined);
  expect(await ask({ kind: 'grpc', port: silent, service: '' }, 50)).toEqual({
    ok: false,
    words: 'no answer within 0.05 s',
  });
});

test('a probe that is no longer wanted ends at once', async () => {
  const abort = new AbortController();
  const silent = await http(() => abort.abort());
  const asked = ask({ kind: 'http', port: silent, path: '/' }, 60_000, abort.signal);
  expect(await asked).toMatchObject({ ok: false });
});
