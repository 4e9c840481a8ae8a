import { sleep, type Clock } from '@gantry/kit/clock';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import type { Random } from '@gantry/kit/random';
import { defaultPools, type Pools } from '@gantry/model/addresses';
import type { EncryptionMode } from '@gantry/model/node';
import type { AgentGatewayServer } from '@gantry/proto/gen/gantry/v1/agent';
import type { ControlServer } from '@gantry/proto/gen/gantry/v1/control';
import type { PeersServer } from '@gantry/proto/gen/gantry/v1/peers';
import { controlService } from './api/control.ts';
import { Dispatcher } from './dispatcher/dispatcher.ts';
import type { Election } from './election/election.ts';
import { foretell, type Foretelling } from './forecast/foretell.ts';
import type { CredentialStore } from './images/credentials.ts';
import type { ImageStore } from './images/image-store.ts';
import { peersService } from './images/peers.ts';
import { startLoop } from './loop.ts';
import { allocate, poolsRefused } from './reconcilers/allocate.ts';
import { contents } from './reconcilers/contents.ts';
import { jobs } from './reconcilers/jobs/jobs.ts';
import { nodeHealth } from './reconcilers/node-health.ts';
import { preempt } from './reconcilers/preempt.ts';
import { reap } from './reconcilers/reap.ts';
import { defaultSettings, type Reconciler } from './reconcilers/reconciler.ts';
import { schedule } from './reconcilers/schedule.ts';
import { services } from './reconcilers/services/services.ts';
import { RelayHub } from './relay/relay-hub.ts';
import { setSettings } from './store/cluster-settings.ts';
import type { Vault } from './secrets/vault.ts';
import { maxWrites, type Store } from './store/store.ts';
import type { UsageBoard } from './telemetry/usage-board.ts';

/** In the order of their effect: who is there, what should be, where it goes, what is over. */
export const reconcilers: readonly Reconciler[] = [
  nodeHealth,
  allocate,
  services,
  jobs,
  schedule,
  preempt,
  reap,
  contents,
];

/** The doors that a leader opens. */
export interface Doors {
  readonly users: ControlServer;
  readonly agents: AgentGatewayServer;
  readonly peers: PeersServer;
}

export interface TermDeps {
  readonly store: Store;
  readonly images: ImageStore;
  readonly usage: Pick<UsageBoard, 'current'>;
  readonly credentials: CredentialStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly newId: () => string;
  /** True while the lease holds. */
  readonly leads: () => boolean;
  readonly reconcilers: readonly Reconciler[];
  /** Silence after which a host is down, ms. */
  readonly silenceMs: number;
  /** Time without contact after which a host stops tasks that must never run twice, ms; the default if absent. */
  readonly fenceMs?: number;
  /** The cluster's addresses; the defaults if absent. */
  readonly pools?: Pools;
  /** Where other controllers reach this one; absent: there are none. */
  readonly address?: string;
  /** What the cluster's setting becomes; absent: it stays as it is. */
  readonly encryption?: EncryptionMode;
  /** What agents are told; empty: no telemetry. */
  readonly agentNats: string;
  readonly version: string;
  /** Opens the doors; answers with the way to shut them at once. */
  readonly serve: (doors: Doors) => Promise<() => void>;
}

/** One time of leading. */
export interface Term {
  close(): Promise<void>;
}

/** What only a leader does: decide, speak to agents, serve users. */
export async function startTerm(deps: TermDeps): Promise<Term> {
  const { newId, silenceMs, pools = defaultPools, fenceMs = defaultSettings.fenceMs } = deps;
  const refused = poolsRefused(deps.store.view(), pools);
  if (refused !== undefined) throw new GantryError('conflict', refused);
  const base = { ...deps, maxWrites, fenceMs, pools };
  const { encryption, address } = deps;
  await setSettings(deps.store, {
    ...(encryption && { encryption }),
    ...(address !== undefined && { leader: address }),
  });
  const relay = new RelayHub(newId, deps.clock);
  const dispatcher = new Dispatcher({ ...base, relay, natsUrl: deps.agentNats });
  try {
    await dispatcher.start();
  } catch (error) {
    dispatcher.close();
    throw error;
  }
  const settings = { ...defaultSettings, silenceMs, ...pools, fenceMs };
  const loop = startLoop({ ...base, settings });
  const foretelling: Foretelling = (view, writes, wants) =>
    foretell(view, writes, { reconcilers: deps.reconcilers, settings, now: deps.clock.now(), wants });
  const shut = await deps.serve({
    users: controlService({ ...base, relay, foretell: foretelling }),
    agents: dispatcher.service(),
    peers: peersService(deps.images),
  });
  return {
    close: async () => {
      dispatcher.close();
      shut();
      await loop.stop();
    },
  };
}

export interface LeadDeps {
  readonly election: Pick<Election, 'start'>;
  readonly store: Pick<Store, 'reached'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly begin: () => Promise<Term>;
  /** Hears of a term that cannot begin, however often it is tried. */
  readonly fatal: (error: unknown) => void;
}

/** Between two tries to begin a term, ms. */
const againMs = 200;

/**
 * Begins a term at each win of the election and ends it when the lead is lost. A term begins once the view shows everything
 * that was written before the win: a leader that sees less would tell agents to stop what a former leader has started. While
 * etcd does not answer (what took the last leader may have taken a member of it, too) it is tried again as long as the lead lasts.
 */
export function leadWhenElected({ election, store, clock, log, begin, fatal }: LeadDeps): {
  close(): Promise<void>;
} {
  let turn = 0;
  let term: Promise<Term | undefined> = Promise.resolve(undefined);
  let ended: Promise<void> = Promise.resolve();
  const end = (): Promise<void> => {
    turn++;
    const ending = term;
    // Of a term that did not begin `fatal` has heard; there is nothing to close.
    const begun = ending.catch(() => undefined);
    ended = ended.then(async () => (await begun)?.close());
    return ended;
  };
  const beginIn = async (mine: number): Promise<Term | undefined> => {
    while (mine === turn) {
      try {
        return await begin();
      } catch (error) {
        if (!asGantryError(error).retryable) throw error;
        log.warn('cannot begin to lead, trying again', { error: String(error) });
        await sleep(clock, againMs);
      }
    }
    return undefined;
  };
  election.start(
    (createdAt) => {
      const mine = ++turn;
      // One term after another: the doors of the last must be shut.
      term = ended.then(() => store.reached(createdAt)).then(() => beginIn(mine));
      term.catch(fatal);
    },
    () => void end().catch(fatal),
  );
  return { close: end };
}
