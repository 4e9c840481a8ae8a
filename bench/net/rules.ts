import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@gantry/kit/clock';
import { Launcher } from '@gantry/kit/launcher';
import { silentLogger } from '@gantry/kit/log';
import type { EndpointAssignment } from '@gantry/model/assignment';
import { KernelTable } from '../../packages/agent/src/network/kernel/kernel-table.ts';
import { NftSession } from '../../packages/agent/src/network/kernel/nft-session.ts';
import { NftProcesses, type Nft } from '../../packages/agent/src/network/kernel/nft.ts';
import type { Lab } from '../../tests/support/net-lab/lab.ts';
import { aNetworking, anEndpoint, pools } from '../../tests/support/networks.ts';

export const sizes = [100, 1_000, 10_000] as const;
const changes = 15;
const config = { ...pools, subnet: '10.210.1.0/24', guarded: [], encrypted: false };

/** Services of three tasks each on other hosts. */
export function someServices(count: number): readonly EndpointAssignment[] {
  return Array.from({ length: count }, (_, index) => serviceOf(index, [2, 3, 4]));
}

export function serviceOf(index: number, hosts: readonly number[]): EndpointAssignment {
  const vip = `10.211.${100 + (index >> 8)}.${index & 255}`;
  const backends = hosts.map((host) => ({
    taskId: `t${index}-${host}`,
    address: `10.210.${host}.${2 + (index % 250)}`,
  }));
  return anEndpoint(`svc${index}`, vip, backends, { networking: aNetworking([`net${index % 50}`]) });
}

/** Ms to load the table with so many services; and to change one of them, by each of two ways in turn. */
export interface RuleTimes {
  readonly cold: number;
  /** By the nft that stays, as an agent does. */
  readonly session: readonly number[];
  /** By a process of nft for each change. */
  readonly process: readonly number[];
  /** By the session, and until the UDP flows to what left are forgotten. */
  readonly forgotten: readonly number[];
}

export async function ruleTimes(lab: Lab, host: string, count: number): Promise<RuleTimes> {
  const dir = await mkdtemp(join(tmpdir(), 'gantry-bench-rules-'));
  // Commands are started as an agent starts them.
  const launcher = new Launcher(join(dir, 'lanes'));
  const exec = lab.exec(host, launcher.exec);
  const [session, process] = [
    new NftSession({ converse: lab.converse(host), clock: systemClock, dir: join(dir, 'nft') }),
    new NftProcesses(exec),
  ];
  let way: Nft = process;
  const either: Nft = {
    change: (text) => way.change(text),
    list: (what) => way.list(what),
    close: () => session.close(),
  };
  const table = new KernelTable(either, exec, silentLogger, config);
  let endpoints = someServices(count);
  const apply = async (): Promise<number> => {
    const start = performance.now();
    await table.apply({ endpoints, locals: [], peers: [] });
    return performance.now() - start;
  };
  const times = { cold: await apply(), session: [] as number[], process: [] as number[] };
  const forgotten: number[] = [];
  for (let round = 0; round < changes; round++) {
    for (const next of ['process', 'session'] as const) {
      const index = Math.floor((count / changes) * round);
      const hosts = next === 'process' ? [2, 3] : [3, 4];
      endpoints = endpoints.map((one, at) => (at === index ? serviceOf(index, hosts) : one));
      way = next === 'process' ? process : session;
      await way.list('chains inet'); // what a session or a shell costs once is no change's
      const start = performance.now();
      times[next].push(await apply());
      await table.forgotten();
      if (next === 'session') forgotten.push(performance.now() - start);
    }
  }
  await table.remove();
  await either.close();
  launcher.close();
  await rm(dir, { recursive: true });
  return { ...times, forgotten };
}
