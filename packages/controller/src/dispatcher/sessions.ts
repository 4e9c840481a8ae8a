import type { Clock } from '@gantry/kit/clock';
import type { NodeId } from '@gantry/model/ids';

/** One agent's contact with this controller. */
export interface Session {
  readonly id: string;
  readonly nodeId: NodeId;
  /** Called when a newer session of the same node takes over, or the controller ends. */
  readonly onEnd: Set<() => void>;
}

/** Sessions and heartbeats, in memory only: a new leader begins without them, and gives every node its full time. */
export class Sessions {
  readonly #clock: Clock;
  readonly #byId = new Map<string, Session>();
  readonly #byNode = new Map<NodeId, Session>();
  /** Monotonic ms of the last word of each node. */
  readonly #heard = new Map<NodeId, number>();
  readonly #startedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
  }

  /** Begins a session; an older one of the same node ends. */
  begin(id: string, nodeId: NodeId): Session {
    const older = this.#byNode.get(nodeId);
    if (older) this.#end(older);
    const session = { id, nodeId, onEnd: new Set<() => void>() };
    this.#byId.set(id, session);
    this.#byNode.set(nodeId, session);
    this.#heard.set(nodeId, this.#clock.monotonic());
    return session;
  }

  get(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Session> {
    return this.#byId.values();
  }

  /** Notes a word of the session's node; undefined if the session has ended. */
  beat(id: string): Session | undefined {
    const session = this.#byId.get(id);
    if (session) this.#heard.set(session.nodeId, this.#clock.monotonic());
    return session;
  }

  /** Ms since the node was last heard; a node not heard since this controller leads is counted from then. */
  silence(nodeId: NodeId): number {
    return this.#clock.monotonic() - (this.#heard.get(nodeId) ?? this.#startedAt);
  }

  /** A word of the node outside of a session. */
  heard(nodeId: NodeId): void {
    this.#heard.set(nodeId, this.#clock.monotonic());
  }

  /** Ends the session of a node, if it has one: it must register anew. */
  end(nodeId: NodeId): void {
    const session = this.#byNode.get(nodeId);
    if (session) this.#end(session);
  }

  endAll(): void {
    for (const session of [...this.#byId.values()]) this.#end(session);
  }

  #end(session: Session): void {
    this.#byId.delete(session.id);
    if (this.#byNode.get(session.nodeId) === session) this.#byNode.delete(session.nodeId);
    for (const listener of session.onEnd) listener();
  }
}
