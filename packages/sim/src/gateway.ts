import { status as grpcStatus } from '@grpc/grpc-js';
import type { AgentGatewayClient, AgentGatewayServer } from '@gantry/proto/gen/gantry/v1/agent';
import { Emitter } from './emitter.ts';
import type { Connection, Wire } from './wire.ts';
import type { Process } from './world.ts';

/** A leader's open door: whose it is, and what answers. */
export interface OpenDoor {
  readonly process: Process;
  readonly agents: AgentGatewayServer;
}

/** What may go wrong between agents and controllers, as shares of one. */
export interface GatewayFaults {
  /** A call or a word of a session is carried out, and the connection breaks before its answer. */
  lostAnswers: number;
  /** A call is carried out twice. */
  doubles: number;
  /** A message of a stream fills the wire for a moment. */
  full: number;
}

type Method = 'register' | 'reportVolumes' | 'fetchContent';
type StreamMethod = 'session' | 'assignments' | 'relay';
type Done = (error: Error | null, response?: unknown) => void;
type Handler = (call: { readonly request: unknown }, done: Done) => void;

/** One agent's client of one controller: the calls of gRPC on one connection over the wire. */
export class GatewayClient {
  readonly #wire: Wire;
  readonly #process: Process;
  readonly #controller: string;
  readonly #door: () => OpenDoor | undefined;
  readonly #faults: GatewayFaults;
  #connection: Connection | undefined;

  constructor(
    wire: Wire,
    process: Process,
    controller: string,
    door: () => OpenDoor | undefined,
    faults: GatewayFaults,
  ) {
    this.#wire = wire;
    this.#process = process;
    this.#controller = controller;
    this.#door = door;
    this.#faults = faults;
  }

  client(): AgentGatewayClient {
    const unary =
      (method: Method) =>
      (request: unknown, _metadata: unknown, options: { readonly deadline: number }, done: Done) =>
        this.#unary(method, request, options.deadline - this.#process.clock.now(), done);
    return {
      register: unary('register'),
      reportVolumes: unary('reportVolumes'),
      fetchContent: unary('fetchContent'),
      session: () => this.#stream('session', undefined),
      assignments: (request: unknown) => this.#stream('assignments', request),
      relay: () => this.#stream('relay', undefined),
    } as unknown as AgentGatewayClient;
  }

  /** The one connection, made anew if it broke. Undefined if it cannot be had now. */
  #connect(): Connection | undefined {
    if (this.#connection && !this.#connection.broken) return this.#connection;
    const { random } = this.#process;
    this.#connection = this.#wire.connect(this.#process.name, this.#controller, () =>
      random() < 0.01 ? random() * 300 : 0.2 + random() * 2,
    );
    return this.#connection;
  }

  #unary(method: Method, request: unknown, timeoutMs: number, done: Done): void {
    if (!this.#process.touch()) return;
    let open = true;
    const end: Done = (error, response) => {
      if (!open) return;
      open = false;
      timer();
      unhear();
      this.#process.run(() => {
        if (this.#process.touch()) done(error, response);
      });
    };
    const timer = this.#process.clock.after(timeoutMs, () =>
      end(failure(grpcStatus.DEADLINE_EXCEEDED, 'deadline exceeded')),
    );
    let unhear: () => void = () => undefined;
    const connection = this.#connect();
    // A host that cannot be reached says nothing; the deadline does.
    if (!connection) return;
    unhear = connection.onBreak(() => end(unavailable()));
    connection.up(() => this.#serve(method, request, connection, end));
  }

  #serve(method: Method, request: unknown, connection: Connection, end: Done): void {
    const door = this.#door();
    if (!door) return connection.down(() => end(unavailable()));
    const { random } = this.#process;
    const handler = door.agents[method] as unknown as Handler;
    const call = { request };
    const double = random() < this.#faults.doubles;
    const lost = random() < this.#faults.lostAnswers;
    door.process.run(() => {
      if (double) handler(call, () => undefined);
      handler(call, (error, response) => {
        if (lost) connection.break();
        else connection.down(() => end(error, response));
      });
    });
  }

  #stream(method: StreamMethod, request: unknown): ClientCall {
    const connection = this.#process.touch() ? this.#connect() : undefined;
    const client = new ClientCall(this.#process, connection);
    if (!connection) {
      this.#process.clock.after(5_000, () => client.fail(unavailable()));
      return client;
    }
    connection.onBreak(() => client.fail(unavailable()));
    connection.up(() => {
      const door = this.#door();
      if (!door) return connection.down(() => client.fail(unavailable()));
      const { random } = this.#process;
      const server = new ServerCall(request, connection, client, door.process, {
        full: () => random() < this.#faults.full,
        lost: () => method === 'session' && random() < this.#faults.lostAnswers,
      });
      client.server = server;
      const handler = door.agents[method] as unknown as (call: unknown) => void;
      door.process.run(() => handler(server));
    });
    return client;
  }
}

/** The client's end of a stream. */
class ClientCall extends Emitter {
  server: ServerCall | undefined;
  destroyed = false;
  readonly #process: Process;
  readonly #connection: Connection | undefined;

  constructor(process: Process, connection: Connection | undefined) {
    super();
    this.#process = process;
    this.#connection = connection;
  }

  write(message: unknown): boolean {
    this.#connection?.up(() => this.server?.hear(message));
    return true;
  }

  cancel(): void {
    this.destroyed = true;
    this.#connection?.up(() => this.server?.gone());
  }

  take(message: unknown): void {
    this.#process.run(() => {
      if (!this.destroyed && this.#process.touch()) this.emit('data', message);
    });
  }

  over(): void {
    if (!this.destroyed) this.#process.run(() => this.emit('end'));
  }

  fail(error: Error): void {
    if (!this.destroyed) this.#process.run(() => this.emit('error', error));
    this.destroyed = true;
  }
}

/** What may go wrong with one message of a stream, drawn anew for each. */
interface StreamDice {
  readonly full: () => boolean;
  readonly lost: () => boolean;
}

/** The server's end of a stream. */
class ServerCall extends Emitter {
  readonly request: unknown;
  readonly #connection: Connection;
  readonly #client: ClientCall;
  readonly #process: Process;
  readonly #dice: StreamDice;
  #gone = false;

  constructor(
    request: unknown,
    connection: Connection,
    client: ClientCall,
    process: Process,
    dice: StreamDice,
  ) {
    super();
    this.request = request;
    this.#connection = connection;
    this.#client = client;
    this.#process = process;
    this.#dice = dice;
    connection.onBreak(() => this.gone());
  }

  /** What is lost is the answer: the message was heard. */
  hear(message: unknown): void {
    this.#process.run(() => this.emit('data', message));
    if (this.#dice.lost()) this.#connection.break();
  }

  write(message: unknown): boolean {
    const full = this.#dice.full();
    this.#connection.down(() => {
      this.#client.take(message);
      if (full) this.#process.run(() => this.emit('drain'));
    });
    return !full;
  }

  end(): void {
    this.#connection.down(() => this.#client.over());
    this.#process.clock.soon(() => this.gone());
  }

  /** An error of the call is its status, as in grpc-js. */
  override emit(event: string, ...args: unknown[]): void {
    if (event === 'error') {
      const [error] = args;
      this.#connection.down(() => this.#client.fail(error as Error));
      this.#process.clock.soon(() => this.gone());
    }
    super.emit(event, ...args);
  }

  /** Sends no status, as in grpc-js: the other side waits on. */
  destroy(): void {
    this.#process.clock.soon(() => this.gone());
  }

  /** Closed, from whichever side. */
  gone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#process.run(() => this.emit('close'));
  }
}

function unavailable(): Error {
  return failure(grpcStatus.UNAVAILABLE, 'the controller cannot be reached');
}

function failure(code: number, details: string): Error {
  return Object.assign(new Error(details), { code, details });
}
