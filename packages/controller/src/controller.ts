import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '@gantry/kit/clock';
import { exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { protectFromOom } from '@gantry/kit/oom';
import { idFromBytes } from '@gantry/model/ids';
import type { ControllerConfig } from './config.ts';
import { Election } from './election/election.ts';
import { openCredentials } from './images/credentials.ts';
import { FileImageStore } from './images/image-store.ts';
import { adoptListFile, openImageFiles } from './images/open.ts';
import { fetchFromPeer } from './images/peers.ts';
import { Standby } from './images/standby.ts';
import { KeyFile } from './secrets/keys.ts';
import { SealedVault } from './secrets/vault.ts';
import { clusterOf } from './scheduler/cluster.ts';
import { serve } from './serve.ts';
import { connectEtcd } from './store/etcd-client.ts';
import { EtcdLog } from './store/etcd-log.ts';
import { LoadedImages } from './store/loaded-images.ts';
import { openStore } from './store/open-store.ts';
import { leadWhenElected, reconcilers, startTerm } from './term.ts';
import { UsageBoard } from './telemetry/usage-board.ts';

export const controllerVersion = '0.1.0';

/** Makes and starts every part of a controller; the only file that knows them all. It works while it leads. */
export async function startController(
  config: ControllerConfig,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  if (!(await protectFromOom()))
    log.warn(
      'this host does not let the controller be protected from the OOM killer: CAP_SYS_RESOURCE is missing',
    );
  const newId = idSource();
  const id = newId();
  const base = { clock: systemClock, log, random: Math.random };
  const client = connectEtcd([config.etcd]);
  const election = new Election({ ...base, client, prefix: config.prefix, id });
  const store = await openStore(new EtcdLog({ ...base, client, prefix: config.prefix }), {
    ...base,
    fence: election,
  });
  // Kept up to date from now on, also while another one leads: a term begins without counting the whole cluster.
  store.view().derived(clusterOf);
  const address = config.advertise;
  const files = await openImageFiles(join(config.stateDir, 'images'));
  const list = new LoadedImages(store);
  const { insecureRegistries } = config;
  const images = new FileImageStore({ files, list, exec, clock: systemClock, insecureRegistries });
  const standby = new Standby({ ...base, store, files, fetch: fetchFromPeer, address });
  const credentials = await openCredentials(join(config.stateDir, 'images', 'credentials.json'));
  const usage = new UsageBoard(systemClock, log);
  if (config.nats !== undefined) usage.start(config.nats);

  const leading = leadWhenElected({
    ...base,
    election,
    store,
    begin: async () => {
      await adoptListFile(files, list);
      return startTerm({
        ...base,
        address,
        store,
        images,
        credentials,
        vault: new SealedVault(new KeyFile(config.secretKeyFile)),
        usage,
        newId,
        leads: () => election.current() !== undefined,
        reconcilers,
        silenceMs: config.silenceMs,
        pools: config.pools,
        fenceMs: config.fenceMs,
        ...(config.encryption && { encryption: config.encryption }),
        agentNats: config.agentNats,
        version: controllerVersion,
        serve: (doors) => serve(config.listen, doors, log),
      });
    },
    fatal: (error) => {
      // Half a term is worse than none: end, and let the next controller (or this one, started again) lead.
      log.error('the controller cannot lead', { error: String(error) });
      process.exit(1);
    },
  });
  return {
    close: async () => {
      standby.close();
      await leading.close();
      await election.resign();
      await Promise.all([store.close(), usage.close()]);
      client.close();
    },
  };
}

/** Ids by chance. Random bytes are asked for many at once: a few cost as much. */
function idSource(): () => string {
  const size = 12;
  let pool = Buffer.alloc(0);
  return () => {
    if (pool.length < size) pool = randomBytes(256 * size);
    const id = idFromBytes(pool.subarray(0, size));
    pool = pool.subarray(size);
    return id;
  };
}
