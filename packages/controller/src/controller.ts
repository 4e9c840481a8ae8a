import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import { exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { idFromBytes } from '@gantry/model/ids';
import { AgentGatewayService } from '@gantry/proto/gen/gantry/v1/agent';
import { ControlService } from '@gantry/proto/gen/gantry/v1/control';
import { controlService } from './api/control.ts';
import type { ControllerConfig } from './config.ts';
import { Dispatcher } from './dispatcher/dispatcher.ts';
import { Election } from './election/election.ts';
import { openImageStore, type ImageStore } from './images/image-store.ts';
import { startLoop } from './loop.ts';
import { allocate } from './reconcilers/allocate.ts';
import { nodeHealth } from './reconcilers/node-health.ts';
import { reap } from './reconcilers/reap.ts';
import { defaultSettings } from './reconcilers/reconciler.ts';
import { schedule } from './reconcilers/schedule.ts';
import { services } from './reconcilers/services/services.ts';
import { RelayHub } from './relay/relay-hub.ts';
import { connectEtcd } from './store/etcd-client.ts';
import { EtcdLog } from './store/etcd-log.ts';
import { openStore } from './store/open-store.ts';
import { maxWrites, type Store } from './store/store.ts';
import { UsageBoard } from './telemetry/usage-board.ts';

export const controllerVersion = '0.1.0';

/** In the order of their effect: who is there, what should be, where it goes, what is over. */
const reconcilers = [nodeHealth, allocate, services, schedule, reap];

/** Makes and starts every part of a controller; the only file that knows them all. It works while it leads. */
export async function startController(
  config: ControllerConfig,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  const id = newId();
  const base = { clock: systemClock, log };
  const client = connectEtcd([config.etcd]);
  const election = new Election({ ...base, client, prefix: config.prefix, id });
  const store = await openStore(new EtcdLog({ ...base, client, prefix: config.prefix }), {
    ...base,
    fence: election,
  });
  const images = await openImageStore({
    dir: join(config.stateDir, 'images'),
    exec,
    clock: systemClock,
    insecureRegistries: config.insecureRegistries,
  });
  const usage = new UsageBoard(systemClock, log);
  if (config.nats !== undefined) usage.start(config.nats);

  let term: Promise<Term> | undefined;
  const fatal = (error: unknown): void => {
    // Half a term is worse than none: end, and let the next controller (or this one, started again) lead.
    log.error('the controller cannot lead', { error: String(error) });
    process.exit(1);
  };
  const endTerm = async (): Promise<void> => {
    const ending = term;
    term = undefined;
    await (await ending)?.close();
  };
  election.start(
    () => {
      term = startTerm(config, { store, images, usage, log });
      term.catch(fatal);
    },
    () => void endTerm().catch(fatal),
  );
  return {
    close: async () => {
      await endTerm();
      await election.resign();
      await Promise.all([store.close(), usage.close()]);
      client.close();
    },
  };
}

interface Term {
  close(): Promise<void>;
}

interface TermDeps {
  readonly store: Store;
  readonly images: ImageStore;
  readonly usage: UsageBoard;
  readonly log: Logger;
}

/** What only a leader does: decide, speak to agents, serve users. */
async function startTerm(config: ControllerConfig, { store, images, usage, log }: TermDeps): Promise<Term> {
  const base = { store, images, clock: systemClock, log, newId, maxWrites };
  const relay = new RelayHub(newId);
  const { silenceMs } = config;
  const dispatcher = new Dispatcher({ ...base, relay, silenceMs, natsUrl: config.agentNats });
  await dispatcher.start();
  const loop = startLoop({ ...base, reconcilers, settings: { ...defaultSettings, silenceMs } });
  const server = new Server({
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.max_receive_message_length': 4 << 20,
    'grpc.enable_channelz': 0,
  });
  server.addService(ControlService, controlService({ ...base, relay, usage, version: controllerVersion }));
  server.addService(AgentGatewayService, dispatcher.service());
  for (const address of config.listen) await bind(server, address);
  log.info('serving', { listen: config.listen });
  return {
    close: async () => {
      dispatcher.close();
      server.forceShutdown();
      await loop.stop();
    },
  };
}

function bind(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (!error) return resolve();
      reject(new GantryError('invalid', `cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
}

function newId(): string {
  return idFromBytes(randomBytes(12));
}
