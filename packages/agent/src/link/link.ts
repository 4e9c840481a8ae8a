import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { backoffMs, jitter } from '@gantry/kit/backoff';
import { sleep, type Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { NodeAssignments } from '@gantry/model/assignment';
import { same } from '@gantry/model/same';
import type { NodeDescription, NodeNetwork } from '@gantry/model/node';
import type { TaskStatus } from '@gantry/model/task';
import type { HeldVolumes } from '@gantry/model/volume';
import type {
  AgentGatewayClient,
  AssignmentsMessage,
  Heartbeat,
  RegisterResponse,
} from '@gantry/proto/gen/gantry/v1/agent';
import * as fromModel from '@gantry/proto/from-model';
import type { FenceKeeper } from '../fence/keeper.ts';
import type { Logs } from '../logs/logs.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { AssignmentsBook } from './assignments.ts';
import { unary } from './call.ts';
import type { ReadRound } from './rounds.ts';
import { beat, type Heart } from './heartbeat.ts';
import { Contact } from './contact.ts';
import { serveExec } from './exec.ts';
import { Relay, type ServeExec } from './relay.ts';
import type { Reporter, SendReports } from './reporter.ts';
import { Talk } from './talk.ts';
import type { VolumeNews } from './volume-news.ts';
import type { OrderedVolumes } from './volume-orders.ts';

export interface LinkDeps {
  /** A client of each controller, tried in turn. */
  readonly clients: readonly AgentGatewayClient[];
  readonly nodeId: string;
  readonly name: string;
  readonly description: NodeDescription;
  readonly reporter: Reporter;
  readonly logs: Logs;
  readonly volumes: OrderedVolumes;
  readonly volumeNews: VolumeNews;
  readonly runtime: Pick<Runtime, 'exec'>;
  /** Why nothing new should be placed here; undefined while all is well. */
  readonly pressure?: () => string | undefined;
  /** How rounds are read; many nodes in one process may share what they read. */
  readonly readRound?: ReadRound;
  /** Hears of contact with the controller: words sent at `sentAt` were acknowledged, and all that is assigned is known. */
  readonly contact?: Pick<FenceKeeper, 'now' | 'contact'>;
  /** What is to be said of this host's network now. */
  readonly networkReport: () => NodeNetwork;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Resolves with true once the network is as assigned, false if it could not be made so. */
  readonly onAssignments: (assignments: NodeAssignments) => Promise<boolean>;
  readonly onSession: (session: RegisterResponse, client: AgentGatewayClient) => void;
  readonly statuses: () => ReadonlyMap<string, TaskStatus>;
}

/**
 * The agent's side of the wire: closed → connecting → ready, for ever. A session that fails in any part (a heartbeat, a
 * stream, a gap) ends whole, and a new one begins; what was assigned stays in force meanwhile.
 */
export class Link {
  readonly #deps: LinkDeps;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(deps: LinkDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clients, clock, log, random } = this.#deps;
    let failures = 0;
    for (let turn = 0; !this.#closed(); turn++) {
      const client = clients[turn % clients.length];
      if (!client) throw new Error('an agent needs a controller');
      const started = clock.monotonic();
      const why = await this.#session(client).catch((error: unknown) => errorText(error));
      if (this.#closed()) return;
      failures = clock.monotonic() - started > 10_000 ? 1 : failures + 1;
      const delay = jitter(backoffMs(failures, 100, 2_000), random());
      log.warn('no session with the controller, trying again', { why, failures, delay });
      await sleep(clock, delay, this.#abort.signal);
    }
  }

  #closed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** One session, from register to its end; answers or throws why it ended. */
  async #session(client: AgentGatewayClient): Promise<string> {
    const { nodeId, name, description, clock, log, reporter, volumeNews } = this.#deps;
    const volumes = volumeNews.known();
    const registration = {
      nodeId,
      name,
      description: fromModel.nodeDescription(description),
      volumes: volumes && fromModel.heldVolumes(volumes),
      network: fromModel.nodeNetwork(this.#deps.networkReport()),
    };
    const contact = new Contact(this.#deps.contact);
    const heard = contact.sending();
    const session = await unary(client.register.bind(client), registration, clock);
    heard();
    if (this.#closed()) return 'the agent ends';
    log.info('registered with the controller', { session: session.sessionId });
    const ends = new Ends();
    const stop = (): void => ends.end('the agent ends');
    this.#abort.signal.addEventListener('abort', stop, { once: true });
    const talk = this.#talk(client, session, ends);
    const streams = [this.#follow(client, session, talk, ends, contact), this.#relay(client, session, ends)];
    const heart = this.#beat(talk, session, ends, contact);
    this.#deps.onSession(session, client);
    const report: SendReports = async (statuses) => {
      const heard = heart.sending();
      const unknown = await this.#report(talk, statuses, ends);
      heard();
      return unknown;
    };
    reporter.connected(report, this.#deps.statuses());
    volumeNews.connected((news) => this.#tellVolumes(client, session, news, ends), volumes);
    const why = await ends.ended;
    this.#abort.signal.removeEventListener('abort', stop);
    reporter.disconnected();
    volumeNews.disconnected();
    heart.stop();
    talk.close();
    for (const close of streams) close();
    return why;
  }

  #talk(client: AgentGatewayClient, { sessionId }: RegisterResponse, ends: Ends): Talk {
    const stream = client.session();
    hearEnd(stream, ends, 'session');
    return new Talk(stream, sessionId, this.#deps.clock);
  }

  #beat(talk: Talk, { heartbeatMs }: RegisterResponse, ends: Ends, contact: Contact): Heart {
    const { clock, pressure, networkReport } = this.#deps;
    const condition = (): Heartbeat => ({
      pressure: pressure?.() ?? '',
      network: fromModel.nodeNetwork(networkReport()),
    });
    let told: Heartbeat | undefined;
    const once = async (): Promise<void> => {
      const value = condition();
      await talk.ask({ $case: 'heartbeat', value });
      told = value;
    };
    const hasNews = (): boolean => !same(told, condition());
    const failed = (error: unknown): void => ends.end(`a heartbeat failed: ${errorText(error)}`);
    return beat({ clock, everyMs: heartbeatMs, hasNews, once, contact, failed });
  }

  #follow(
    client: AgentGatewayClient,
    session: RegisterResponse,
    talk: Talk,
    ends: Ends,
    contact: Contact,
  ): () => void {
    const book = new AssignmentsBook(this.#deps.nodeId, this.#deps.readRound);
    const stream = client.assignments({ sessionId: session.sessionId });
    hearEnd(stream, ends, 'assignments');
    stream.on('data', (message: AssignmentsMessage) => {
      const assignments = book.take(message);
      if (!assignments) return ends.end('a change of the assignments was missed');
      const applied = this.#deps.onAssignments(assignments);
      contact.knowsAll();
      if (message.acknowledge) void this.#acknowledge(talk, message.sequence, applied);
    });
    return () => stream.cancel();
  }

  /** Says that the network is as it was assigned; what could not be applied is not said, and the controller waits no longer than it wants. */
  async #acknowledge(talk: Talk, sequence: number, applied: Promise<boolean>): Promise<void> {
    if (await applied) talk.say({ $case: 'applied', value: sequence });
  }

  #relay(client: AgentGatewayClient, session: RegisterResponse, ends: Ends): () => void {
    const stream = client.relay();
    hearEnd(stream, ends, 'relay');
    stream.write({ body: { $case: 'hello', value: { sessionId: session.sessionId } } });
    const serve: ServeExec = (streamId, onEnd) =>
      serveExec(client, session.sessionId, streamId, this.#deps.runtime, onEnd);
    const relay = new Relay(stream, this.#deps.logs, this.#deps.volumes, serve);
    return () => {
      relay.close();
      stream.cancel();
    };
  }

  async #tellVolumes(
    client: AgentGatewayClient,
    { sessionId }: RegisterResponse,
    volumes: HeldVolumes,
    ends: Ends,
  ): Promise<void> {
    try {
      const request = { sessionId, volumes: fromModel.heldVolumes(volumes) };
      await unary(client.reportVolumes.bind(client), request, this.#deps.clock);
    } catch (error) {
      ends.end(`a report of volumes failed: ${errorText(error)}`);
      throw error;
    }
  }

  async #report(
    talk: Talk,
    statuses: ReadonlyMap<string, TaskStatus>,
    ends: Ends,
  ): Promise<readonly string[]> {
    const tasks = [...statuses].map(([taskId, status]) => ({ taskId, status: fromModel.taskStatus(status) }));
    try {
      return (await talk.ask({ $case: 'report', value: { tasks } })).unknownTasks;
    } catch (error) {
      ends.end(`a report failed: ${errorText(error)}`);
      throw error;
    }
  }
}

/** The first reason why a session ended. */
class Ends {
  end!: (why: string) => void;
  readonly ended = new Promise<string>((resolve) => (this.end = resolve));
}

function hearEnd(stream: Pick<ClientReadableStream<unknown>, 'on'>, ends: Ends, what: string): void {
  stream.on('error', (error: ServiceError) =>
    ends.end(`the ${what} stream failed: ${error.details || error.message}`),
  );
  stream.on('end', () => ends.end(`the ${what} stream ended`));
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
