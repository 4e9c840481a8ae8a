import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as Stream } from 'node:net';
import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { answer, takesTurns } from './answer.ts';
import type { NameView } from './directory.ts';
import type { Forwarder } from './forward.ts';
import { Framer, framed } from './framing.ts';
import { ReadyAnswers } from './ready-answers.ts';
import { readQuery, writeAnswer, writeError, writeRefusal } from './wire.ts';

export interface DnsServerDeps {
  readonly view: NameView;
  readonly forwarder: Forwarder;
  readonly clock: Clock;
  readonly log: Logger;
  /** The address of this host that every container reaches. */
  readonly address: string;
  /** 53 but in tests; 0 has one chosen. */
  readonly port: number;
  /** Makes the address one of this host's; called before each try to listen. */
  readonly prepare: () => Promise<void>;
}

/** A port that is taken, or an address that is gone, is tried again after this long, ms. */
const retryMs = 2_000;
const maxStreams = 128;
const streamIdleMs = 10_000;
const maxMessage = 65_535;

/** Listens for the questions of this host's containers over UDP and TCP, and answers each of them somehow. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  #udp: Socket | undefined;
  #tcp: Server | undefined;
  readonly #streams = new Set<Stream>();
  readonly #ready = new ReadyAnswers();
  #turn = 0;
  #closed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(deps: DnsServerDeps) {
    this.#deps = deps;
  }

  /** Resolves once it listens, or once it is clear that it has to try again; never rejects. */
  async start(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#deps.prepare();
      const port = await this.#listenUdp(this.#deps.port);
      await this.#listenTcp(port);
    } catch (error) {
      await this.#stop();
      const { address, port } = this.#deps;
      this.#deps.log.error('names cannot be answered yet: the address is not free', {
        address: `${address}:${port}`,
        error: error instanceof Error ? error.message : String(error),
      });
      if (!this.#isClosed()) this.#cancelRetry = this.#deps.clock.after(retryMs, () => void this.start());
    }
  }

  /** The port it listens on; undefined while it does not. */
  get port(): number | undefined {
    return this.#udp && this.#tcp ? this.#udp.address().port : undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await this.#stop();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  async #stop(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    [this.#udp, this.#tcp] = [undefined, undefined];
    udp?.close();
    for (const stream of this.#streams) stream.destroy();
    if (tcp?.listening) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  #listenUdp(port: number): Promise<number> {
    // Numeric addresses need no look-up: Node's own would cost a turn of the loop for each answer.
    const socket = createSocket({
      type: 'udp4',
      reuseAddr: true,
      // A burst waits here instead of being lost; the kernel gives what it allows.
      recvBufferSize: 1 << 20,
      lookup: (name, _, done) => done(null, name, 4),
    });
    this.#udp = socket;
    socket.on('message', (message, { address, port: from }) => {
      const ready = this.#ready.to(message, address, this.#deps.view.revision);
      if (ready) return socket.send(ready, from, address, () => undefined);
      void this.#answer(message, address, 'udp').then((answered) => {
        if (answered && socket === this.#udp) socket.send(answered, from, address, () => undefined);
      });
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, this.#deps.address, () => {
        socket.off('error', reject);
        socket.on('error', (error) => this.#deps.log.warn('a DNS socket failed', { error: error.message }));
        resolve(socket.address().port);
      });
    });
  }

  #listenTcp(port: number): Promise<void> {
    const server = createServer((stream) => this.#serve(stream));
    this.#tcp = server;
    server.maxConnections = maxStreams;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.#deps.address, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  #serve(stream: Stream): void {
    const from = stream.remoteAddress ?? '';
    const framer = new Framer();
    this.#streams.add(stream);
    stream.setTimeout(streamIdleMs, () => stream.destroy());
    stream.on('error', () => stream.destroy());
    stream.on('close', () => this.#streams.delete(stream));
    stream.on('data', (data) => {
      for (const message of framer.take(data)) {
        void this.#answer(message, from, 'tcp').then((answered) => {
          if (answered && stream.writable) stream.write(framed(answered));
        });
      }
    });
  }

  /** Something for every question that can be answered at all: silence costs the asker seconds. */
  async #answer(message: Buffer, from: string, over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const query = readQuery(message);
    if (query === undefined) return undefined;
    if (typeof query === 'string') return writeRefusal(message, query);
    try {
      const { view, forwarder } = this.#deps;
      const found = answer({ view, turn: this.#turn++ }, query.question, from);
      if (found.kind !== 'forward') {
        const written = writeAnswer(query, found, over === 'udp' ? query.udpBytes : maxMessage);
        if (over === 'udp' && !takesTurns(found)) this.#ready.keep(message, from, view.revision, written);
        return written;
      }
      return (await forwarder.ask(message, over)) ?? writeError(query, 'SERVFAIL');
    } catch (error) {
      this.#deps.log.warn('a question could not be answered', { error: String(error) });
      return writeError(query, 'SERVFAIL');
    }
  }
}
