import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Launcher } from '@gantry/kit/launcher';
import { silentLogger } from '@gantry/kit/log';
import type { EndpointAssignment } from '@gantry/model/assignment';
import { nft } from '../../packages/agent/src/network/kernel/commands.ts';
import { KernelTable } from '../../packages/agent/src/network/kernel/kernel-table.ts';
import { table as tableName } from '../../packages/agent/src/network/plan/ruleset.ts';
import type { Lab } from '../../tests/support/net-lab/lab.ts';
import { aNetworking, anEndpoint, pools } from '../../tests/support/networks.ts';

export const sizes = [100, 1_000, 10_000] as const;
const changes = 7;

/** Services of three tasks each on other hosts. */
export function someServices(count: number): readonly EndpointAssignment[] {
  return Array.from({ length: count }, (_, index) => serviceOf(index, [2, 3, 4]));
}

function serviceOf(index: number, hosts: readonly number[]): EndpointAssignment {
  const vip = `10.211.${100 + (index >> 8)}.${index & 255}`;
  const backends = hosts.map((host) => ({
    taskId: `t${index}-${host}`,
    address: `10.210.${host}.${2 + (index % 250)}`,
  }));
  return anEndpoint(`svc${index}`, vip, backends, { networking: aNetworking([`net${index % 50}`]) });
}

/** Ms to load the table with so many services, to change one of them, and for a transaction that changes nothing. */
export async function ruleTimes(
  lab: Lab,
  host: string,
  count: number,
): Promise<{
  readonly cold: number;
  readonly change: readonly number[];
  readonly empty: readonly number[];
}> {
  const config = { ...pools, subnet: '10.210.1.0/24', guarded: [], encrypted: false };
  // Commands are started as an agent starts them.
  const dir = await mkdtemp(join(tmpdir(), 'gantry-bench-rules-'));
  const launcher = new Launcher(dir);
  const exec = lab.exec(host, launcher.exec);
  const table = new KernelTable(exec, silentLogger, config);
  let endpoints = someServices(count);
  const timed = async (work: () => Promise<void>): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  const cold = await timed(() => table.apply({ endpoints, locals: [], peers: [] }));
  const change: number[] = [];
  const empty: number[] = [];
  for (let round = 0; round < changes; round++) {
    const index = Math.floor((count / changes) * round);
    const hosts = round % 2 === 0 ? [2, 3] : [3, 4];
    endpoints = endpoints.map((one, at) => (at === index ? serviceOf(index, hosts) : one));
    empty.push(await timed(() => nft(exec, `add table ${tableName}\n`)));
    change.push(await timed(() => table.apply({ endpoints, locals: [], peers: [] })));
  }
  await table.remove();
  launcher.close();
  return { cold, change, empty };
}
