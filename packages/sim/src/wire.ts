import type { World } from './world.ts';

/** A direction that is cut for longer than this breaks the connections over it (gRPC's keepalive), ms. */
const keepaliveMs = 10_000;

/** What carries messages between places. A direction may be cut: then messages wait, as TCP's do. */
export class Wire {
  readonly #world: World;
  readonly #cuts = new Set<string>();
  readonly #connections = new Set<Connection>();

  constructor(world: World) {
    this.#world = world;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Nothing gets from one place to the other any more. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
    for (const connection of this.#connections) connection.watchCut(from, to);
  }

  heal(from: string, to: string): void {
    if (!this.#cuts.delete(`${from}>${to}`)) return;
    for (const connection of this.#connections) connection.healed();
  }

  healAll(): void {
    this.#cuts.clear();
    for (const connection of this.#connections) connection.healed();
  }

  /** A connection between two places; undefined if one cannot hear the other now. */
  connect(client: string, server: string, latency: () => number): Connection | undefined {
    if (this.isCut(client, server) || this.isCut(server, client)) return undefined;
    const connection = new Connection(this, this.#world, client, server, latency, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    return connection;
  }

  /** Ends every connection of a place, as the death of its process does; or only those that others made to it. */
  reset(place: string, which: 'all' | 'incoming' = 'all'): void {
    for (const connection of [...this.#connections]) {
      const outgoing = which === 'all' && connection.client === place;
      if (outgoing || connection.server === place) connection.break();
    }
  }

  get keepaliveMs(): number {
    return keepaliveMs;
  }
}

/** One direction: first in, first out. */
class Pipe {
  readonly #world: World;
  readonly #isCut: () => boolean;
  readonly #latency: () => number;
  #held: (() => void)[] = [];
  #lastAt = 0;

  constructor(world: World, isCut: () => boolean, latency: () => number) {
    this.#world = world;
    this.#isCut = isCut;
    this.#latency = latency;
  }

  send(deliver: () => void): void {
    const now = this.#world.clock.now();
    this.#lastAt = Math.max(this.#lastAt, now + Math.ceil(this.#latency()));
    this.#world.clock.after(this.#lastAt - now, () => {
      if (this.#held.length > 0 || this.#isCut()) this.#held.push(deliver);
      else deliver();
    });
  }

  flush(): void {
    if (this.#isCut()) return;
    const held = this.#held;
    this.#held = [];
    for (const deliver of held) this.#world.clock.soon(deliver);
  }
}

/** One connection: messages arrive in order in each direction, or it breaks and both sides hear of it. */
export class Connection {
  readonly client: string;
  readonly server: string;
  broken = false;
  readonly #wire: Wire;
  readonly #world: World;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #onBreak = new Set<() => void>();
  readonly #forget: () => void;

  constructor(
    wire: Wire,
    world: World,
    client: string,
    server: string,
    latency: () => number,
    forget: () => void,
  ) {
    this.#wire = wire;
    this.#world = world;
    this.client = client;
    this.server = server;
    this.#up = new Pipe(world, () => wire.isCut(client, server), latency);
    this.#down = new Pipe(world, () => wire.isCut(server, client), latency);
    this.#forget = forget;
  }

  /** From the client to the server. */
  up(deliver: () => void): void {
    this.#up.send(() => {
      if (!this.broken) deliver();
    });
  }

  /** From the server to the client. */
  down(deliver: () => void): void {
    this.#down.send(() => {
      if (!this.broken) deliver();
    });
  }

  onBreak(listener: () => void): () => void {
    this.#onBreak.add(listener);
    return () => this.#onBreak.delete(listener);
  }

  break(): void {
    if (this.broken) return;
    this.broken = true;
    this.#forget();
    for (const listener of [...this.#onBreak]) listener();
  }

  /** Over, with nobody to tell. */
  close(): void {
    this.broken = true;
    this.#forget();
  }

  watchCut(from: string, to: string): void {
    const ours = (from === this.client && to === this.server) || (from === this.server && to === this.client);
    if (!ours) return;
    this.#world.clock.after(this.#wire.keepaliveMs, () => {
      if (this.#wire.isCut(from, to)) this.break();
    });
  }

  healed(): void {
    this.#up.flush();
    this.#down.flush();
  }
}
