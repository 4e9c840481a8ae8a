import type { Clock } from '@gantry/kit/clock';
import { execOk, type Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { Directory } from './directory.ts';
import { Forwarder } from './forward.ts';
import { DnsServer } from './server.ts';

export interface NamesDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Logger;
  /** Link-local, the same on every host: what containers have as their gateway and resolver. */
  readonly address: string;
}

/** Answers the questions of this host's containers from now on; what it knows is put into the directory. */
export function startNames(deps: NamesDeps): { readonly directory: Directory; close(): Promise<void> } {
  const directory = new Directory();
  const { exec, address } = deps;
  const forwarder = new Forwarder({ ...deps, resolvConf: '/etc/resolv.conf', without: [address] });
  const server = new DnsServer({
    ...deps,
    view: directory,
    forwarder,
    port: 53,
    prepare: async () => {
      await execOk(exec, ['ip', 'addr', 'replace', `${address}/32`, 'dev', 'lo']);
    },
  });
  void server.start();
  return { directory, close: () => server.close() };
}
