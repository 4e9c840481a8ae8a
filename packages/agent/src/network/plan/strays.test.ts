import { expect, test } from 'vitest';
import { aLocal, aPort, nothing, testConfig } from '../../../../../tests/support/network-inputs.ts';
import { aNetworking, anEndpoint } from '../../../../../tests/support/networks.ts';
import { flowsIn, forgetting, type UdpFlow } from './strays.ts';
import { TableBook } from './table-book.ts';

const udp = (published: number, hostIp?: string) =>
  aPort(published, { protocol: 'udp', ...(hostIp !== undefined && { hostIp }) });
const [host, client, pub] = ['10.208.0.11', '10.208.0.1', '192.0.2.7'];
/** A service of two tasks with ports, one that names answer for, and a container with a port of its host. */
const input = {
  ...nothing,
  endpoints: [
    {
      ...anEndpoint(
        'web',
        '10.211.0.1',
        [2, 3].map((last) => ({ taskId: `t${last}`, address: `10.210.2.${last}` })),
        { ports: [udp(53), udp(54, pub), aPort(80)] },
      ),
      idle: ['10.210.3.9'],
    },
    anEndpoint('names', '10.211.0.2', [{ taskId: 'n', address: '10.210.2.9' }], {
      networking: aNetworking(['front'], { endpointMode: 'dnsrr' }),
    }),
  ],
  locals: [aLocal(2, [], [aPort(5_353, { protocol: 'udp', mode: 'host' })])],
};

function book(): TableBook {
  const made = new TableBook(testConfig);
  made.whole(input);
  return made;
}

function flow(asked: string, port: number, answers = asked, more: Partial<UdpFlow> = {}): UdpFlow {
  return { client, asked, port, answers, answersTo: client, ...more };
}

const forgotten = (flows: readonly UdpFlow[], opened: readonly number[] = []): readonly string[] =>
  forgetting(flows, book().strays(opened));

test('flows are read as conntrack 1.4.7 lists them, with zones, flags and counters', () => {
  const listing = `udp      17 99 src=10.0.0.1 dst=10.211.0.2 sport=1000 dport=53 [UNREPLIED] src=10.210.1.2 dst=10.0.0.1 sport=80 dport=1000 mark=0 use=1
udp      17 29 src=10.0.0.9 dst=10.211.0.2 sport=1000 dport=54 packets=1 bytes=33 src=10.210.1.3 dst=10.210.1.1 sport=80 dport=1000 packets=1 bytes=9 [ASSURED] mark=0 zone=3 use=1
udp      17 29 src=10.0.0.7 dst=10.211.0.2 sport=1000 dport=55 src=10.210.1.4 dst=10.0.0.7 sport=80 dport=1000 mark=0 use=1
`;
  expect(flowsIn(listing)).toEqual([
    flow('10.211.0.2', 53, '10.210.1.2', { client: '10.0.0.1', answersTo: '10.0.0.1' }),
    flow('10.211.0.2', 54, '10.210.1.3', { client: '10.0.0.9', answersTo: '10.210.1.1' }),
    flow('10.211.0.2', 55, '10.210.1.4', { client: '10.0.0.7', answersTo: '10.0.0.7' }),
  ]);
});

test('flows to who they are led to stay, and what is not ours', () => {
  const good = [
    flow('10.211.0.1', 7_000, '10.210.2.2'),
    flow(host, 53, '10.210.2.3'),
    flow(pub, 54, '10.210.2.3'),
    flow(host, 5_353, '10.210.1.2'),
    flow('10.210.2.2', 80), // by its own address: ready,
    flow('10.210.3.9', 80), // not ready,
    flow('10.210.2.9', 80), // by a name,
    flow('10.210.1.2', 80), // and here
    flow(host, 9_000, '172.17.0.2'), // another's translation
    flow('10.210.2.254', 4_789), // the tunnel
    flow('8.8.8.8', 53, '8.8.8.8', { client: '10.210.1.2', answersTo: host }),
    flow('169.254.1.1', 53),
    flow(host, 1_234),
  ];
  expect(forgotten(good, [53, 54, 5_353])).toEqual([]);
});

test('flows are forgotten that are led elsewhere by now, to who has gone, or begun when nobody answered', () => {
  const bad = [
    flow('10.211.0.1', 7_000, '10.210.2.8'),
    flow('10.211.0.2', 7_000, '10.210.2.9'), // a virtual address that is led nowhere now
    flow(host, 53, '10.210.2.8'),
    flow(host, 54, '10.210.2.2'), // published on another address only
    flow(host, 5_353, '10.210.1.3'),
    flow('10.210.2.77', 80),
  ];
  for (const one of bad) expect(forgotten([one]), JSON.stringify(one)).toHaveLength(1);
  expect(forgotten([flow(host, 53)], [53])).toEqual([`-D -p udp -d ${host} --dport 53 -r ${host}`]);
  expect(forgotten([flow(host, 53)])).toEqual([]);
});

test('all flows of one way are one line, however many clients they have', () => {
  const clients = Array.from({ length: 500 }, (_, index) =>
    flow('10.211.0.1', 53, '10.210.2.8', { client: `10.208.1.${index % 250}` }),
  );
  expect(forgotten(clients)).toEqual(['-D -p udp -d 10.211.0.1 --dport 53 -r 10.210.2.8']);
});
