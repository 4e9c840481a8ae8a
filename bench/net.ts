import { LabHosts } from '../tests/support/net-lab/hosts.ts';
import { Lab } from '../tests/support/net-lab/lab.ts';
import { aNetworking, anEndpoint, aTask } from '../tests/support/networks.ts';
import { latencies, percentile, serveIn, throughput } from './net/ends.ts';
import { ruleTimes, sizes, someServices } from './net/rules.ts';
import type { BenchResult, Figure } from './report.ts';

const rounds = 5;
const asked = 1_500;
const [client, near, far] = ['client000001', 'near00000001', 'far000000002'] as const;
const vips = { [near]: '10.211.0.1', [far]: '10.211.0.2' } as const;
type Server = keyof typeof vips;

/**
 * Two hosts on a segment of their own; a client and a server on one, a server on the other. Direct and by virtual address in
 * turn, in plain and then encrypted; rules and new connections with many services.
 */
export async function run(): Promise<BenchResult> {
  const lab = new Lab(3); // the third is for rules alone
  const hosts = new LabHosts(lab);
  const stops: (() => Promise<void>)[] = [];
  try {
    await lab.open();
    await hosts.open();
    await hosts.run([
      { host: 'h1', ...aTask(client, ['net']) },
      { host: 'h1', ...aTask(near, ['net']) },
      { host: 'h2', ...aTask(far, ['net']) },
    ]);
    await hosts.tell(services(hosts, 0));
    for (const server of [near, far]) stops.push(await serveIn(`/run/netns/gt-${server}`));
    const figures = [
      ...(await byVirtualAddress(hosts, near, 'one host')),
      ...(await byVirtualAddress(hosts, far, 'two hosts')),
      ...(await encrypted(hosts)),
      ...(await withManyServices(hosts)),
      ...(await ruleFigures(lab)),
    ];
    return {
      setup: `hosts are network namespaces; iperf3, one connection of 1.5 s a round; ${asked} new connections and ${asked} answers of one byte a round, timed by blocking calls; ${rounds} rounds`,
      figures,
    };
  } finally {
    for (const stop of stops) await stop();
    await hosts.close();
    await lab.close();
  }
}

function services(hosts: LabHosts, others: number) {
  const networking = aNetworking(['net']);
  const own = [near, far, client].map((taskId, index) =>
    anEndpoint(
      taskId,
      taskId === client ? '10.211.0.3' : vips[taskId],
      [{ taskId, address: hosts.address(taskId) }],
      { networking, ports: [{ target: 7_000, published: 8_000 + index, protocol: 'tcp', mode: 'ingress' }] },
    ),
  );
  return [...own, ...someServices(others)];
}

const inside = `/run/netns/gt-${client}`;

async function byVirtualAddress(hosts: LabHosts, server: Server, where: string): Promise<readonly Figure[]> {
  const speed = { direct: [] as number[], vip: [] as number[] };
  const added = { p50: [] as number[], p99: [] as number[], connect: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    speed.direct.push(await throughput(inside, hosts.address(server)));
    speed.vip.push(await throughput(inside, vips[server]));
    const direct = await latencies(inside, hosts.address(server), asked);
    const vip = await latencies(inside, vips[server], asked);
    added.p50.push(percentile(vip.answer, 0.5) - percentile(direct.answer, 0.5));
    added.p99.push(percentile(vip.answer, 0.99) - percentile(direct.answer, 0.99));
    added.connect.push(percentile(vip.connect, 0.5) - percentile(direct.connect, 0.5));
  }
  return [
    {
      what: `${where}: throughput by virtual address`,
      ours: speed.vip,
      peer: { name: 'direct', values: speed.direct },
      target: 'ratio ≥ 0.95',
      unit: 'Mbit/s',
    },
    { what: `${where}: added to an answer, median`, ours: added.p50, target: '≤ 20 µs', unit: 'µs' },
    { what: `${where}: added to an answer, 99 %`, ours: added.p99, target: '', unit: 'µs' },
    { what: `${where}: added to a new connection, median`, ours: added.connect, target: '', unit: 'µs' },
  ];
}

/** Plain and encrypted cannot be had at once: rounds of one, then rounds of the other. */
async function encrypted(hosts: LabHosts): Promise<readonly Figure[]> {
  const measure = async (): Promise<{ speed: number[]; answer: number[] }> => {
    const found = { speed: [] as number[], answer: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      found.speed.push(await throughput(inside, hosts.address(far)));
      found.answer.push(percentile((await latencies(inside, hosts.address(far), asked)).answer, 0.5));
    }
    return found;
  };
  const set = async (mode: 'none' | 'wireguard'): Promise<void> => {
    for (const host of hosts.lab.hosts) hosts.encryption.set(host, { mode, keyGeneration: 0 });
    await hosts.tell();
    await throughput(inside, hosts.address(far)); // sessions stand
  };
  const plain = await measure();
  await set('wireguard');
  const secret = await measure();
  await set('none');
  const figure = (what: string, key: 'speed' | 'answer', unit: string): Figure => ({
    what,
    ours: secret[key],
    peer: { name: 'in plain', values: plain[key] },
    target: '',
    unit,
  });
  return [
    figure('two hosts, encrypted: throughput', 'speed', 'Mbit/s'),
    figure('two hosts, encrypted: an answer, median', 'answer', 'µs'),
  ];
}

async function withManyServices(hosts: LabHosts): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const size of sizes) {
    await hosts.tell(services(hosts, size));
    const found: number[] = [];
    for (let round = 0; round < rounds; round++)
      found.push(percentile((await latencies(inside, vips[near], asked)).connect, 0.5));
    figures.push({
      what: `a new connection with ${size.toLocaleString('en')} services`,
      ours: found,
      target: '',
      unit: 'µs',
    });
  }
  await hosts.tell(services(hosts, 0));
  return figures;
}

async function ruleFigures(lab: Lab): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  await lab.exec('outside')(['ip', 'link', 'set', 'lo', 'up']);
  for (const size of sizes) {
    const { cold, session, process, forgotten } = await ruleTimes(lab, 'outside', size);
    const name = size.toLocaleString('en');
    const peer = { name: 'a process of nft each time', values: process };
    figures.push({ what: `one change of ${name} services`, ours: session, peer, target: '≤ 20 ms' });
    figures.push({ what: `… and UDP flows to what left forgotten`, ours: forgotten, target: '' });
    figures.push({ what: `cold load of ${name} services`, ours: [cold], target: '≤ 1500 ms' });
  }
  return figures;
}
