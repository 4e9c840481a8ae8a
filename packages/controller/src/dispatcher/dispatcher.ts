import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import type { Pools } from '@gantry/model/addresses';
import type {
  AgentGatewayServer,
  AssignmentsMessage,
  AssignmentsRequest,
} from '@gantry/proto/gen/gantry/v1/agent';
import * as fromModel from '@gantry/proto/from-model';
import * as toModel from '@gantry/proto/to-model';
import type { CredentialStore } from '../images/credentials.ts';
import { streamBlob } from '@gantry/proto/blob-stream';
import { failCall } from '@gantry/proto/fail-call';
import type { ImageStore } from '../images/image-store.ts';
import type { RelayHub } from '../relay/relay-hub.ts';
import type { Vault } from '../secrets/vault.ts';
import type { Store } from '../store/store.ts';
import { answering, asStatus, unknownSession } from './answering.ts';
import { Feed } from './feed.ts';
import { Intake } from './intake.ts';
import { contentFor } from './node-contents.ts';
import { credentialFor, keptImages } from './node-images.ts';
import { NodeRegistry } from './registry.ts';
import { Sessions, type Session } from './sessions.ts';
import { hearTalk, type Word } from './talk.ts';
import { startWatchdog } from './watchdog.ts';

export interface DispatcherDeps {
  readonly store: Store;
  readonly relay: RelayHub;
  readonly images: Pick<ImageStore, 'readBlob'>;
  readonly credentials: Pick<CredentialStore, 'find'>;
  readonly vault: Pick<Vault, 'open'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  /** True while this controller's lease holds: an agent must never follow one that others may have replaced. */
  readonly leads: () => boolean;
  /** Silence after which a node is down, ms; agents beat five times in it. */
  readonly silenceMs: number;
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly fenceMs: number;
  /** Writes of one commit. */
  readonly maxWrites: number;
  readonly pools: Pools;
  /** What agents are told; empty for no telemetry. */
  readonly natsUrl: string;
}

/** The agents' door: sessions, what each node should hold, what each reports. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #sessions: Sessions;
  readonly #registry: NodeRegistry;
  readonly #intake: Intake;
  readonly #feed: Feed;
  readonly #heartbeatMs: number;
  #stopWatchdog: () => void = () => undefined;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#sessions = new Sessions(deps.clock);
    this.#registry = new NodeRegistry(deps.store, deps.clock, deps);
    this.#intake = new Intake(deps.store, deps.log);
    this.#feed = new Feed(deps);
    this.#heartbeatMs = Math.max(50, Math.round(deps.silenceMs / 5));
  }

  /** Before the first decision: what a former leader noted of silence is forgotten, every node gets its full time. */
  async start(): Promise<void> {
    const silent = [...this.#deps.store.view().all('node')].filter(
      ({ silentSince, state }) => silentSince !== undefined && state !== 'down',
    );
    await this.#registry.setSilence(
      silent.map(({ id }) => id),
      () => 0,
    );
    this.#stopWatchdog = startWatchdog({
      ...this.#deps,
      sessions: this.#sessions,
      registry: this.#registry,
      heartbeatMs: this.#heartbeatMs,
    });
  }

  close(): void {
    this.#stopWatchdog();
    this.#feed.close();
    this.#sessions.endAll();
  }

  /** The gRPC service. */
  service(): AgentGatewayServer {
    return {
      register: answering(async ({ nodeId, name, description, volumes, network }) => {
        this.#mustLead();
        // From now on it is not said that it has not been heard, whatever becomes of this.
        this.#sessions.heard(nodeId);
        if (!description) throw new GantryError('invalid', 'a registration without a description');
        const held = volumes && toModel.heldVolumes(volumes);
        const told = network && toModel.nodeNetwork(network);
        await this.#registry.register(nodeId, name, toModel.nodeDescription(description), held, told);
        // A host that is known and unchanged needs no write, which would have told whether this controller leads.
        await this.#mustBeCurrent();
        const session = this.#sessions.begin(this.#deps.newId(), nodeId);
        this.#deps.log.info('a node registered', { node: name, nodeId });
        return { sessionId: session.id, heartbeatMs: this.#heartbeatMs, natsUrl: this.#deps.natsUrl };
      }),
      session: (call) => {
        hearTalk(call, {
          session: (id) => this.#session(id),
          take: (session, word) => this.#hear(session, word),
        });
      },
      reportVolumes: answering(async ({ sessionId, volumes }) => {
        const { nodeId } = this.#session(sessionId);
        if (volumes) await this.#registry.setVolumes(nodeId, toModel.heldVolumes(volumes));
        return {};
      }),
      pullCredential: answering(({ sessionId, ref }) => {
        const { nodeId } = this.#session(sessionId);
        const found = credentialFor(this.#deps.store.view(), this.#deps.credentials, nodeId, ref);
        return Promise.resolve({ credential: found && fromModel.registryCredential(found) });
      }),
      fetchContent: answering(({ sessionId, ...asked }) => {
        const { nodeId } = this.#session(sessionId);
        return Promise.resolve({
          value: contentFor(this.#deps.store.view(), this.#deps.vault, nodeId, asked),
        });
      }),
      keptImages: answering(({ sessionId, digests }) => {
        this.#session(sessionId);
        return Promise.resolve({ digests: [...keptImages(this.#deps.store.view(), digests)] });
      }),
      assignments: (call) => {
        call.on('error', () => undefined);
        let open = true;
        call.on('close', () => (open = false));
        this.#mustBeCurrent().then(
          () => open && this.#follow(call),
          (error: unknown) => failCall(call, asStatus(error)),
        );
      },
      relay: (call) => {
        this.#deps.relay.accept(call, (sessionId) => this.#sessions.get(sessionId));
      },
      exec: (call) => {
        this.#deps.relay.exec.accept(call, (sessionId) => this.#sessions.get(sessionId)?.nodeId);
      },
      fetchBlob: (call) => {
        const known = this.#sessions.get(call.request.sessionId) !== undefined;
        const opening = known
          ? this.#deps.images.readBlob(call.request.digest)
          : Promise.reject(unknownSession());
        streamBlob(opening, call, asStatus);
      },
    };
  }

  /** Takes in what an agent says; answers with the tasks that are not known. */
  async #hear({ nodeId }: Session, word: Word): Promise<readonly string[]> {
    switch (word.$case) {
      case 'heartbeat': {
        const { pressure, network } = word.value;
        // What cannot be written now is said again with the next one.
        const told = network && toModel.nodeNetwork(network);
        await this.#registry.setCondition(nodeId, pressure, told).catch(() => undefined);
        return [];
      }
      case 'report': {
        const statuses = word.value.tasks.flatMap(({ taskId, status }) =>
          status ? [[taskId, toModel.taskStatus(status)] as const] : [],
        );
        return this.#intake.take(nodeId, new Map(statuses));
      }
      case 'applied':
        this.#feed.applied(nodeId, word.value);
        return [];
      case 'hello':
        return [];
    }
  }

  #follow(call: ServerWritableStream<AssignmentsRequest, AssignmentsMessage>): void {
    const session = this.#deps.leads() ? this.#sessions.get(call.request.sessionId) : undefined;
    if (!session) {
      failCall(call, unknownSession());
      return;
    }
    const end = (): void => void call.end();
    session.onEnd.add(end);
    const stop = this.#feed.follow(session.nodeId, {
      end,
      write: (message: AssignmentsMessage) => call.write(message),
      onDrain: (listener) => call.on('drain', listener),
    });
    call.on('close', () => {
      stop();
      session.onEnd.delete(end);
    });
  }

  /** Before a host is told all that it should hold: an older view would have it stop what has been started since. */
  async #mustBeCurrent(): Promise<void> {
    const result = await this.#deps.store.fenced();
    if (result.ok) return;
    if (result.why === 'not_leader') throw new GantryError('not_leader', 'this controller does not lead');
    throw new GantryError('unreachable', 'it cannot be read from etcd whether this controller leads');
  }

  #mustLead(): void {
    if (!this.#deps.leads())
      throw new GantryError('not_leader', 'this controller does not know whether it still leads');
  }

  #session(id: string): Session {
    this.#mustLead();
    const session = this.#sessions.beat(id);
    if (!session) throw unknownSession();
    return session;
  }
}
