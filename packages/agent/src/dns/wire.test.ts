import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Framer, framed } from './framing.ts';
import { serversIn } from './resolv-conf.ts';
import { readQuery, writeAnswer, writeError, writeRefusal, type Query } from './wire.ts';

function queryOf(name: string, udpPayloadSize?: number): Query {
  const additionals =
    udpPayloadSize === undefined ? [] : [{ type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] }];
  const message = dnsPacket.encode({
    type: 'query',
    id: 77,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
    additionals: additionals as never,
  });
  const query = readQuery(message);
  if (query === undefined || typeof query === 'string') throw new Error('not read');
  return query;
}

function many(name: string, count: number) {
  const records = Array.from({ length: count }, (_, index) => ({
    type: 'A' as const,
    name,
    data: `10.210.${index >> 8}.${index & 255}`,
  }));
  return { kind: 'known' as const, records, extra: [] };
}

test('an answer carries the id, the question as it was written, and lives for a second', () => {
  const query = queryOf('WeB.shop');
  const packet = dnsPacket.decode(writeAnswer(query, many('WeB.shop', 1), 512));
  expect(packet).toMatchObject({
    id: 77,
    type: 'response',
    flag_aa: true,
    flag_rd: true,
    flag_ra: true,
    rcode: 'NOERROR',
  });
  expect(packet.questions?.[0]?.name).toBe('WeB.shop');
  expect(packet.answers).toMatchObject([{ type: 'A', name: 'WeB.shop', ttl: 1, data: '10.210.0.0' }]);
});

test('what does not fit is cut and marked, so that the asker comes by TCP', () => {
  for (const [size, query] of [
    [512, queryOf('web')],
    [1_232, queryOf('web', 4_096)],
  ] as const) {
    expect(query.udpBytes).toBe(size);
    const message = writeAnswer(query, many('web', 200), query.udpBytes);
    const packet = dnsPacket.decode(message);
    expect(message.length).toBeLessThanOrEqual(size);
    expect(packet.flag_tc).toBe(true);
    expect(packet.answers?.length).toBeGreaterThan(15);
  }
  expect(dnsPacket.decode(writeAnswer(queryOf('web'), many('web', 200), 65_535)).answers).toHaveLength(200);
});

test.each([
  ['unknown', 'NXDOMAIN'],
  ['refused', 'REFUSED'],
] as const)('%s is said as %s', (kind, rcode) => {
  expect(dnsPacket.decode(writeAnswer(queryOf('x'), { kind }, 512))).toMatchObject({ rcode });
});

test('a failure to find out is SERVFAIL, not silence', () => {
  expect(dnsPacket.decode(writeError(queryOf('x'), 'SERVFAIL'))).toMatchObject({ rcode: 'SERVFAIL', id: 77 });
});

test('responses are never answered, other operations and broken messages are by a code', () => {
  const message = dnsPacket.encode({ type: 'query', id: 5, questions: [{ type: 'A', name: 'web' }] });
  expect(readQuery(dnsPacket.encode({ type: 'response', id: 5, questions: [] }))).toBeUndefined();
  expect(readQuery(message.subarray(0, 11))).toBeUndefined();
  expect(readQuery(message.subarray(0, 14))).toBe('FORMERR');
  const update = Buffer.from(message);
  update.writeUInt8(5 << 3, 2);
  expect(readQuery(update)).toBe('NOTIMP');
  expect(dnsPacket.decode(writeRefusal(update, 'NOTIMP'))).toMatchObject({
    id: 5,
    type: 'response',
    rcode: 'NOTIMP',
  });
});

test('no bytes break the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const message = Buffer.from(bytes);
      const query = readQuery(message);
      if (typeof query === 'object') writeAnswer(query, many(query.question.name, 3), query.udpBytes);
      else if (query !== undefined) writeRefusal(message, query);
    }),
    { numRuns: 2_000 },
  );
});

test('messages over TCP are found whatever the pieces they come in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.integer({ min: 1, max: 17 }),
      (messages, piece) => {
        const stream = Buffer.concat(messages.map((message) => framed(Buffer.from(message))));
        const framer = new Framer();
        const found: Buffer[] = [];
        for (let at = 0; at < stream.length; at += piece)
          found.push(...framer.take(stream.subarray(at, at + piece)));
        expect(found.map((message) => [...message])).toEqual(messages.map((message) => [...message]));
      },
    ),
  );
});

test("the host's resolvers are read without ourselves, IPv6 and doubles", () => {
  const text =
    '# none\nnameserver 192.0.2.1\n nameserver 169.254.1.1\nnameserver fe80::1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch x\n';
  expect(serversIn(text, ['169.254.1.1'])).toEqual(['192.0.2.1', '192.0.2.2']);
});
