import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dnsPacket, { type DecodedPacket } from 'dns-packet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { defaultPools } from '@gantry/model/addresses';
import type { EndpointAssignment } from '@gantry/model/assignment';
import { defaultNetworking } from '@gantry/model/network';
import { anEndpoint } from '../../../../tests/support/endpoints.ts';
import { Directory } from './directory.ts';
import { Forwarder } from './forward.ts';
import { Framer, framed } from './framing.ts';
import { DnsServer } from './server.ts';

/** A resolver of the host that knows one name, and is silent about another. */
let upstream: Socket;
let directory: Directory;
let server: DnsServer;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-dns-'));
  upstream = createSocket('udp4');
  upstream.on('message', (message, { port, address }) => {
    const { id, questions } = dnsPacket.decode(message);
    const name = questions?.[0]?.name ?? '';
    if (name === 'silent.example.com') return;
    const answers = [{ type: 'A' as const, name, ttl: 60, data: '192.0.2.7' }];
    const forged = {
      type: 'response' as const,
      id: ((id ?? 0) + 1) & 0xffff,
      questions: questions ?? [],
      answers: [],
    };
    upstream.send(dnsPacket.encode(forged), port, address);
    upstream.send(dnsPacket.encode({ ...forged, id: id ?? 0, answers }), port, address);
  });
  await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
  await writeFile(join(dir, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  directory = new Directory();
  know([anEndpoint()]);
  directory.attached('127.0.0.1', 'me');
  server = await started();
});

afterEach(async () => {
  await server.close();
  await new Promise<void>((resolve) => upstream.close(() => resolve()));
  await rm(dir, { recursive: true });
});

/** The services of the cluster as this host knows them now; the one who asks is a container of it. */
function know(endpoints: readonly EndpointAssignment[]): void {
  const networking = defaultNetworking('shop');
  const tasks = [{ taskId: 'me', stack: 'shop', service: 'client', slot: 1, networking }];
  directory.use({ endpoints, tasks, pools: defaultPools });
}

async function started(port = 0): Promise<DnsServer> {
  const deps = { clock: systemClock, log: silentLogger };
  const resolvConf = join(dir, 'resolv.conf');
  const one = new DnsServer({
    ...deps,
    view: directory,
    forwarder: new Forwarder({ ...deps, resolvConf, without: [], port: upstream.address().port }),
    address: '127.0.0.1',
    port,
    prepare: () => Promise.resolve(),
  });
  await one.start();
  return one;
}

function question(name: string): Buffer {
  return dnsPacket.encode({ type: 'query', id: 9, questions: [{ type: 'A', name }] });
}

function overUdp(name: string, from = '127.0.0.1'): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.once('message', (message) => {
      socket.close();
      resolve(dnsPacket.decode(message));
    });
    socket.bind(0, from, () => socket.send(question(name), server.port ?? 0, '127.0.0.1'));
  });
}

function overTcp(...names: readonly string[]): Promise<readonly DecodedPacket[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port ?? 0, '127.0.0.1');
    const framer = new Framer();
    const packets: DecodedPacket[] = [];
    socket.once('error', reject);
    socket.on('data', (data) => {
      packets.push(...framer.take(data).map((message) => dnsPacket.decode(message)));
      if (packets.length < names.length) return;
      socket.destroy();
      resolve(packets);
    });
    for (const name of names) socket.write(framed(question(name)));
  });
}

const first = ({ answers }: DecodedPacket): unknown => (answers?.[0] as { data?: unknown } | undefined)?.data;

test('a name of the cluster is answered over UDP and TCP', async () => {
  expect(first(await overUdp('web'))).toBe('10.211.0.1');
  const packets = await overTcp('web', 'no-such');
  expect(packets.map((packet) => (packet as unknown as { rcode: string }).rcode)).toEqual([
    'NOERROR',
    'NXDOMAIN',
  ]);
});

test('a question is answered by what is so now, however often it was asked before', async () => {
  for (let turn = 0; turn < 3; turn++) expect(first(await overUdp('web'))).toBe('10.211.0.1');
  know([anEndpoint({ vip: '10.211.0.9' })]);
  for (let turn = 0; turn < 2; turn++) expect(first(await overUdp('web'))).toBe('10.211.0.9');
  know([]);
  expect(await overUdp('web')).toMatchObject({ rcode: 'NXDOMAIN' });
  directory.detached('me');
  expect(await overUdp('web')).toMatchObject({ rcode: 'REFUSED' });
});

test('addresses of tasks take turns, however often they are asked for', async () => {
  const seen = new Set<unknown>();
  const backends = [2, 3].map((slot) => ({ taskId: `t${slot}`, slot, address: `10.210.1.${slot}` }));
  know([anEndpoint({ backends })]);
  for (let turn = 0; turn < 4; turn++) seen.add(first(await overUdp('tasks.web')));
  expect(seen).toEqual(new Set(['10.210.1.2', '10.210.1.3']));
});

test('other names are asked of the resolvers of the host, and a forged answer is not believed', async () => {
  expect(first(await overUdp('www.example.com'))).toBe('192.0.2.7');
});

test('a resolver that says nothing becomes a failure in words, not silence', async () => {
  expect(await overUdp('silent.example.com')).toMatchObject({ rcode: 'SERVFAIL' });
});

test('an address that is no container of this host is refused', async () => {
  expect(await overUdp('web', '127.0.0.2')).toMatchObject({ rcode: 'REFUSED' });
});

test('a port that is taken is tried again until it is free', async () => {
  const port = server.port ?? 0;
  const blocked = await started(port);
  // UDP may be shared by those who say so; TCP may not: neither is used alone.
  expect(blocked.port).toBeUndefined();
  await blocked.close();
  expect(first(await overUdp('web'))).toBe('10.211.0.1');
});
