import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '@gantry/kit/clock';
import { Framer, framed } from './framing.ts';
import { serversIn } from './resolv-conf.ts';

export interface ForwarderDeps {
  readonly clock: Clock;
  /** The host's own list of resolvers. */
  readonly resolvConf: string;
  /** Addresses that are never asked: our own. */
  readonly without: readonly string[];
  /** Port of the resolvers; 53 but in tests. */
  readonly port?: number;
}

/** One resolver gets this long for an answer, ms. The whole list is asked once: stub resolvers ask again by themselves. */
const patienceMs = 1_500;
/** Questions under way at once; more are refused at once, so that a flood takes no memory. */
const maxUnderWay = 256;
/** The list of resolvers is looked at again after this long, ms. */
const rereadMs = 5_000;

/** Asks the host's resolvers what is no name of the cluster, one after another. */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  #underWay = 0;
  #servers: readonly string[] = [];
  #lookedAt = -Infinity;
  #modifiedAt = -1;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  /** The answer as it came, with the query's id; undefined if nobody answered in time. */
  async ask(query: Buffer, over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (this.#underWay >= maxUnderWay) return undefined;
    this.#underWay++;
    try {
      for (const server of await this.#list()) {
        const exchange = over === 'udp' ? askUdp : askTcp;
        const answer = await exchange(this.#deps.clock, server, this.#deps.port ?? 53, query);
        if (answer) return answer;
      }
      return undefined;
    } finally {
      this.#underWay--;
    }
  }

  async #list(): Promise<readonly string[]> {
    const { clock, resolvConf, without } = this.#deps;
    if (clock.monotonic() - this.#lookedAt < rereadMs) return this.#servers;
    this.#lookedAt = clock.monotonic();
    try {
      const { mtimeMs } = await stat(resolvConf);
      if (mtimeMs !== this.#modifiedAt)
        this.#servers = serversIn(await readFile(resolvConf, 'utf8'), without);
      this.#modifiedAt = mtimeMs;
    } catch {
      this.#servers = [];
    }
    return this.#servers;
  }
}

type Exchange = (clock: Clock, server: string, port: number, query: Buffer) => Promise<Buffer | undefined>;

/** A socket for each question: its port is one more thing that a forger would have to guess. */
const askUdp: Exchange = (clock, server, port, query) =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answer?: Buffer): void => {
      cancel();
      socket.close();
      resolve(answer);
    };
    const cancel = clock.after(patienceMs, () => end());
    socket.on('error', () => end());
    socket.on('message', (message) => {
      if (answers(message, query)) end(message);
    });
    socket.connect(port, server, () => socket.send(query));
  });

const askTcp: Exchange = (clock, server, port, query) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: server });
    const framer = new Framer();
    const end = (answer?: Buffer): void => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = clock.after(patienceMs, () => end());
    socket.on('error', () => end());
    socket.on('end', () => end());
    socket.on('connect', () => socket.write(framed(query)));
    socket.on('data', (data) => {
      const [message] = framer.take(data);
      if (message) end(answers(message, query) ? message : undefined);
    });
  });

/** A response with the query's id and question. */
function answers(message: Buffer, query: Buffer): boolean {
  if (message.length < 12 || (message.readUInt8(2) & 0x80) === 0) return false;
  if (message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  const end = questionEnd(query);
  // Some answers to what they cannot read carry no question.
  return message.readUInt16BE(4) === 0 || message.subarray(12, end).equals(query.subarray(12, end));
}

/** Where the first question of a readable query ends: its labels, then type and class. */
function questionEnd(query: Buffer): number {
  let at = 12;
  while (at < query.length && query[at] !== 0) at += 1 + (query[at] ?? 0);
  return Math.min(at + 5, query.length);
}
