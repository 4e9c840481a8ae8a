import dnsPacket, { type DecodedPacket, type OptAnswer, type Packet } from 'dns-packet';
import type { Answer, AnswerRecord, Question } from './answer.ts';

/** Answers are for this long, s: tasks come and go. */
const ttl = 1;
/** What an answer over UDP may have when the asker does not say, bytes (RFC 1035). */
const plainUdpBytes = 512;
/** What we send over UDP at most, whatever the asker takes: beyond it packets are cut in pieces. */
const maxUdpBytes = 1_232;

/** A query as it arrived. */
export interface Query {
  readonly id: number;
  readonly question: Question;
  /** What the asker takes over UDP, bytes. */
  readonly udpBytes: number;
  readonly packet: DecodedPacket;
}

export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';
const rcodes: Readonly<Record<Rcode, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
};

/** The query in a message; or the code to answer with; or undefined for what is no question and gets no answer. */
export function readQuery(message: Buffer): Query | Rcode | undefined {
  // A response must never be answered: two servers would talk for ever.
  if (message.length < 12 || (message.readUInt8(2) & 0x80) !== 0) return undefined;
  if (((message.readUInt8(2) >> 3) & 0xf) !== 0) return 'NOTIMP';
  let packet: DecodedPacket;
  try {
    packet = dnsPacket.decode(message);
  } catch {
    return 'FORMERR';
  }
  const [question, ...more] = packet.questions ?? [];
  if (!question || more.length > 0) return 'FORMERR';
  if ((question.class ?? 'IN') !== 'IN') return 'REFUSED';
  const opt = packet.additionals?.find(({ type }) => type === 'OPT');
  const asked = opt?.type === 'OPT' ? opt.udpPayloadSize : plainUdpBytes;
  const udpBytes = Math.min(Math.max(asked, plainUdpBytes), maxUdpBytes);
  return { id: packet.id ?? 0, question: { name: question.name, type: question.type }, udpBytes, packet };
}

/** The answer as a message of at most `bytes`; what does not fit is left out, and marked, so that the asker tries TCP. */
export function writeAnswer(
  query: Query,
  answer: Exclude<Answer, { kind: 'forward' }>,
  bytes: number,
): Buffer {
  if (answer.kind !== 'known') return writeError(query, answer.kind === 'unknown' ? 'NXDOMAIN' : 'REFUSED');
  const whole = encode(query, 'NOERROR', answer.records, answer.extra);
  if (whole.length <= bytes) return whole;
  const bare = encode(query, 'NOERROR', answer.records, []);
  if (bare.length <= bytes) return bare;
  const header = encode(query, 'NOERROR', [], []).length;
  const each = (bare.length - header) / answer.records.length;
  const fitting = Math.max(0, Math.floor((bytes - header) / each) - 1);
  const cut = encode(query, 'NOERROR', answer.records.slice(0, fitting), [], dnsPacket.TRUNCATED_RESPONSE);
  return cut.length <= bytes ? cut : encode(query, 'NOERROR', [], [], dnsPacket.TRUNCATED_RESPONSE);
}

/** An answer that is only a code, to a query that could be read. */
export function writeError(query: Query, rcode: Rcode): Buffer {
  return encode(query, rcode, [], []);
}

/** The same for a message that could not: its id, and nothing of what it asked. */
export function writeRefusal(message: Buffer, rcode: Rcode): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(message.readUInt16BE(0), 0);
  header.writeUInt8(0x80 | (message.readUInt8(2) & 0x79), 2);
  header.writeUInt8(rcodes[rcode], 3);
  return header;
}

function encode(
  { id, packet }: Query,
  rcode: Rcode,
  records: readonly AnswerRecord[],
  extra: readonly AnswerRecord[],
  flags = 0,
): Buffer {
  const ours = rcode === 'SERVFAIL' || rcode === 'REFUSED' ? 0 : dnsPacket.AUTHORITATIVE_ANSWER;
  const recursion = (packet.flags ?? 0) & dnsPacket.RECURSION_DESIRED;
  const opt = packet.additionals?.some(({ type }) => type === 'OPT') ? [edns] : [];
  const message: Packet = {
    type: 'response',
    id,
    flags: ours | recursion | dnsPacket.RECURSION_AVAILABLE | flags | rcodes[rcode],
    questions: packet.questions ?? [],
    answers: records.map((record) => ({ ...record, ttl })),
    additionals: [...extra.map((record) => ({ ...record, ttl })), ...opt],
  };
  return dnsPacket.encode(message);
}

const edns: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: maxUdpBytes,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};
